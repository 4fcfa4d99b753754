:- dynamic(edge/2).
:- dynamic(path/2).
:- dynamic(cycle/1).
:- dynamic(rule1/2).
:- dynamic(rule2/3).
n(120).
note(F,L) :- ( F -> L = [] ; assertz(F), L = [F] ).
notes([],A,A).
notes([F|T],A,R) :- note(F,L), push(L,A,B), notes(T,B,R).
push([],A,A).
push([F],A,[F|A]).
follows(F,T) :- rule1(F,T).
follows(F,T) :- rule2(F,P,T), P.
follows(F,T) :- rule2(P,F,T), P.
run([],K,K).
run([F|A],K,R) :- findall(T,follows(F,T),L), notes(L,A,B), J is K+1, run(B,J,R).
edges(I,N,A,R) :- ( I =:= N -> R = A ; J is I+1, K is (3*I) rem N, note(edge(I,J),L),
  ( I rem 5 =:= 0 -> note(edge(K,I),M) ; M = [] ), push(L,A,B), push(M,B,C), edges(J,N,C,R) ).
sum([],S,S).
sum([X|T],S,R) :- U is S+X, sum(T,U,R).
main :- n(N), assertz(rule1(edge(X1,Y1),path(X1,Y1))), assertz(rule2(edge(X2,Y2),path(Y2,Z2),path(X2,Z2))),
  assertz(rule2(path(X3,Y3),path(Y3,X3),cycle(X3))),
  edges(0,N,[],A), run(A,0,K), findall(V,(path(X,Y),V is 2*Y-X),P), sum(P,0,S), findall(X,cycle(X),C), length(C,M),
  format("(~w ~w ~w)~n",[K,M,S]), halt.
:- initialization(main).
