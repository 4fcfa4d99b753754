n(200).
entry(I,J,E) :- E is 1.0/((I+J)*(I+J+1)//2+I+1).
ones(N,L) :- ( N =:= 0 -> L = [] ; L = [1.0|T], M is N-1, ones(M,T) ).
row(_,_,[],S,S).
row(I,J,[U|T],S,R) :- entry(I,J,E), V is S+E*U, K is J+1, row(I,K,T,V,R).
column(_,_,[],S,S).
column(I,J,[U|T],S,R) :- entry(J,I,E), V is S+E*U, K is J+1, column(I,K,T,V,R).
times(I,N,U,L) :- ( I =:= N -> L = [] ; L = [X|T], row(I,0,U,0.0,X), J is I+1, times(J,N,U,T) ).
transposed(I,N,U,L) :- ( I =:= N -> L = [] ; L = [X|T], column(I,0,U,0.0,X), J is I+1, transposed(J,N,U,T) ).
both(N,U,V) :- times(0,N,U,W), transposed(0,N,W,V).
dot([],[],S,S).
dot([A|B],[C|D],S,R) :- T is S+A*C, dot(B,D,T,R).
power(K,N,U,V,R) :- ( K =:= 0 -> dot(U,V,0.0,A), dot(V,V,0.0,B), R is truncate(1000000000.0*sqrt(A/B))
  ; both(N,U,W), both(N,W,X), J is K-1, power(J,N,X,W,R) ).
main :- n(N), ones(N,U), power(10,N,U,[],R), write(R), write('.0'), nl, halt.
:- initialization(main).
