% not gplc: it has no tabling
:- dynamic(edge/2), dynamic(link/2).
:- table path/2, along/2.
n(100000).
next(R,S) :- S is (R*110351+12345) mod 1000003.
graph(N,N,_,_) :- !.
graph(I,N,M,R) :- next(R,S), next(S,T), A is R mod M, B is S mod M, J is I+1, assertz(edge(A,B)), assertz(link(I,J)), graph(J,N,M,T).
path(X,Y) :- edge(X,Y).
path(X,Y) :- path(X,Z), edge(Z,Y).
along(X,Y) :- link(X,Y).
along(X,Y) :- along(X,Z), link(Z,Y).
sum(L,K,S) :- length(L,K), sum_list(L,S).
main :- n(N), M is N // 4, graph(0,N,M,17), findall(Y,path(17,Y),L), sum(L,K,S), findall(Y,along(0,Y),L2), sum(L2,K2,S2), format("((~w ~w) (~w ~w))~n",[K,S,K2,S2]), halt.
:- initialization(main).
