n(9).
mk(I,N,L) :- ( I > N -> L = [] ; L = [I|T], J is I+1, mk(J,N,T) ).
app([],Y,Y).
app([H|T],Y,[H|Z]) :- app(T,Y,Z).
turn(K,L,F,R) :- ( K =:= 0 -> app(F,L,R) ; L = [H|T], J is K-1, turn(J,T,[H|F],R) ).
flips([H|T],C,F) :- ( H =:= 1 -> F = C ; turn(H,[H|T],[],R), D is C+1, flips(R,D,F) ).
rotate(N,[H|T],R) :- I is N-1, put(I,H,T,R).
put(I,X,L,R) :- ( I =:= 0 -> R = [X|L] ; L = [H|T], R = [H|U], J is I-1, put(J,X,T,U) ).
leaf(F,sum(K,S,M),sum(L,T,O)) :- L is K+1, ( K rem 2 =:= 0 -> T is S+F ; T is S-F ), ( F > M -> O = F ; O = M ).
all(N,P,S,R) :- ( N =:= 1 -> flips(P,0,F), leaf(F,S,R) ; each(N,N,P,S,R) ).
each(I,N,P,S,R) :- M is N-1, all(M,P,S,T), ( I =:= 1 -> R = T ; J is I-1, rotate(N,P,Q), each(J,N,Q,T,R) ).
main :- n(N), mk(1,N,L), all(N,L,sum(0,0,0),sum(_,S,M)), format("(~w ~w)~n",[S,M]), halt.
:- initialization(main).
