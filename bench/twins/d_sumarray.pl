% not gplc: a compound has at most 255 arguments
n(1000).
k(2000).
fill(I,A,L) :- ( I =:= 0 -> L = A ; X is (I*7919) rem 10007, J is I-1, fill(J,[X|A],L) ).
sum(A,I,N,W,S,R) :- ( I =:= N -> R = S ; J is I+1, arg(J,A,X), T is (S*W+X) rem 1000003, sum(A,J,N,W,T,R) ).
rep(I,A,S,R) :- ( I =:= 0 -> R = S ; functor(A,_,K), sum(A,0,K,I,S,T), J is I-1, rep(J,A,T,R) ).
main :- n(N), k(K), fill(K,[],L), A =.. [a|L], rep(N,A,0,R), write(R), nl, halt.
:- initialization(main).
