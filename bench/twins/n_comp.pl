n(400).
range(A,B,A) :- A =< B.
range(A,B,X) :- A < B, C is A+1, range(C,B,X).
triangle(N,sides(A,B,C)) :- range(1,N,C), range(1,C,B), range(1,B,A), A*A+B*B =:= C*C.
around([],S,S).
around([sides(A,B,C)|T],S,R) :- U is S+A+B+C, around(T,U,R).
main :- n(N), findall(T,triangle(N,T),L), length(L,K), around(L,0,S), format("(~w ~w)~n",[K,S]), halt.
:- initialization(main).
