n(6).
k(60).
cells(I,J,M,A,R) :- ( J =:= 0 -> R = A ; X is (I*M+J*J) rem 97, L is J-1, cells(I,L,M,[X|A],R) ).
rows(I,K,M,A,R) :- ( I =:= 0 -> R = A ; cells(I,K,M,[],L), X =.. [row|L], J is I-1, rows(J,K,M,[X|A],R) ).
dot(Row,B,J,K,S,R) :- ( K =:= 0 -> R = S ; arg(K,Row,X), arg(K,B,Q), arg(J,Q,Y), T is S+X*Y, L is K-1, dot(Row,B,J,L,T,R) ).
across(Row,B,J,K,S,R) :- ( J =:= K -> R = S ; J1 is J+1, dot(Row,B,J1,K,0,D), T is (3*S+D) rem 1000003, across(Row,B,J1,K,T,R) ).
down(A,B,I,K,S,R) :- ( I =:= K -> R = S ; I1 is I+1, arg(I1,A,Row), across(Row,B,0,K,S,T), down(A,B,I1,K,T,R) ).
rep(I,K,S,R) :- ( I =:= 0 -> R = S ; rows(K,K,I,[],L), A =.. [m|L], H is I+5, rows(K,K,H,[],M), B =.. [m|M],
  down(A,B,0,K,S,T), J is I-1, rep(J,K,T,R) ).
main :- n(N), k(K), rep(N,K,0,R), write(R), nl, halt.
:- initialization(main).
