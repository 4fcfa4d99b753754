:- dynamic(count/2).
n(300000).
k(1000).
next(X,Y) :- Y is (X*1664525+1013904223) rem 2147483648.
bump(W) :- ( retract(count(W,N)) -> M is N+1 ; M = 1 ), assertz(count(W,M)).
read_words(I,X,K) :- ( I =:= 0 -> true ; W is (X//65536) rem K, bump(W), next(X,Y), J is I-1, read_words(J,Y,K) ).
sum([],S,S).
sum([X|T],S,R) :- U is S+X, sum(T,U,R).
main :- n(N), k(K), read_words(N,42,K), findall(V,(count(W,C),V is (W+1)*C),L), length(L,M), sum(L,0,S),
  format("(~w ~w)~n",[M,S]), halt.
:- initialization(main).
