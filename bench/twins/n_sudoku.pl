n(40).
givens([5,0,0,8,0,9,6,3,0,6,0,0,0,0,0,0,0,0,0,0,8,7,0,6,0,2,9,
  0,0,0,1,4,0,5,0,0,0,0,9,0,0,0,0,0,6,0,0,0,0,9,0,7,1,0,
  3,0,2,0,8,0,0,0,0,9,0,0,2,6,0,0,4,8,0,0,4,0,3,0,0,0,5]).
box(R,C,B) :- B is 3*(R//3)+C//3.
start([],_,_,D,D,[]).
start([V|Vs],I,Turn,D0,D,Open) :-
  J is I+1,
  ( V =:= 0 -> Open = [I|O], start(Vs,J,Turn,D0,D,O)
  ; R is I//9, C is I rem 9, box(R,C,B), W is (V+Turn) rem 9+1, start(Vs,J,Turn,[cell(R,C,B,W)|D0],D,Open) ).
digit(1). digit(2). digit(3). digit(4). digit(5). digit(6). digit(7). digit(8). digit(9).
fill([],D,D).
fill([I|Open],D,S) :- R is I//9, C is I rem 9, box(R,C,B), digit(V), free(D,R,C,B,V), fill(Open,[cell(R,C,B,V)|D],S).
free([],_,_,_,_).
free([cell(R1,C1,B1,V1)|D],R,C,B,V) :-
  ( V =:= V1 -> \+ ( R =:= R1 ; C =:= C1 ; B =:= B1 ) ; true ), free(D,R,C,B,V).
digest([],S,S).
digest([cell(R,C,_,V)|T],S,D) :- U is S+V*(9*(R+1)+C), digest(T,U,D).
rep(I,S,Sum) :- ( I =:= 0 -> Sum = S ; givens(G), start(G,0,I,[],D,Open), findall(B,fill(Open,D,B),[Board]),
  digest(Board,S,T), J is I-1, rep(J,T,Sum) ).
main :- n(N), rep(N,0,R), write(R), nl, halt.
:- initialization(main).
