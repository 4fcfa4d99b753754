n(2000000).
wrap(X,Y) :- Y is X rem 1000003.
scale(X,I,Y) :- odd(I,O), Y is X*O.
odd(I,O) :- O is 2*(I rem 8)+1.
shift(X,I,Y) :- blend(I,7,B), Y is X+B.
blend(A,B,C) :- C is A*B-B.
step(X,I,Y) :- scale(X,I,A), shift(A,I,B), wrap(B,Y).
rep(I,X,R) :- ( I =:= 0 -> R = X ; step(X,I,Y), J is I-1, rep(J,Y,R) ).
main :- n(N), rep(N,1,R), write(R), nl, halt.
:- initialization(main).
