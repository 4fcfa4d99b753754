:- dynamic(edge/2).
n(20000).
links(X,K,N) :- ( K =:= 8 -> true ; Y is ((2*K+3)*X+101*K) mod N, assertz(edge(X,Y)), J is K+1, links(X,J,N) ).
fill(X,N) :- ( X =:= N -> true ; links(X,0,N), Y is X+1, fill(Y,N) ).
weight([],S,S).
weight([t(X,Y,Z)|T],S,R) :- Q is S+X+2*Y-Z, weight(T,Q,R).
main :- n(N), fill(0,N), findall(t(X,Y,Z),(edge(X,Y),edge(Y,Z),edge(Z,X)),L), length(L,K), weight(L,0,S), format("(~w ~w)~n",[K,S]), halt.
:- initialization(main).
