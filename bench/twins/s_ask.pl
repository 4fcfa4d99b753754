:- dynamic(edge/2).
n(1000000).
q(1000000).
m(1000000).
fill(I,N) :- ( I =:= N -> true ; J is 2*I, assertz(edge(I,J)), K is I+1, fill(K,N) ).
ask(0,_,_,S,S) :- !.
ask(T,I,M,S,R) :- edge(I,V), !, U is T-1, J is (I+618033) mod M, Q is S+V, ask(U,J,M,Q,R).
main :- n(N), fill(0,N), q(Q), m(M), ask(Q,0,M,0,S), write(S), nl, halt.
:- initialization(main).
