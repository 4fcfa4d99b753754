:- dynamic(border/2).
n(22).
add_border(I,J) :- ( J > 0 -> assertz(border(I,J)) ; true ).
draw(I,N) :- ( I > N -> true ; A is I-1, add_border(I,A), ( I rem 3 =:= 0 -> B is I-4 ; B is I-6 ), add_border(I,B), J is I+1, draw(J,N) ).
colour(1). colour(2). colour(3).
paint(I,N,D,S) :- ( I > N -> S = D ; colour(C), findall(J,border(I,J),Near), fits(D,C,Near), J is I+1, paint(J,N,[is(I,C)|D],S) ).
fits([],_,_).
fits([is(J,D)|T],C,Near) :- \+ ( C =:= D, among(J,Near) ), fits(T,C,Near).
among(J,[H|T]) :- ( H =:= J -> true ; among(J,T) ).
digest([],S,S).
digest([is(_,C)|T],S,R) :- U is (3*S+C) rem 10007, digest(T,U,R).
digests([],S,S).
digests([B|T],S,R) :- digest(B,0,D), U is S+D, digests(T,U,R).
main :- n(N), draw(1,N), findall(S,paint(1,N,[],S),L), length(L,K), digests(L,0,D), format("(~w ~w)~n",[K,D]), halt.
:- initialization(main).
