% not gplc: it has no tabling
:- table choose/3.
n(800).
choose(_,0,1) :- !.
choose(N,N,1) :- !.
choose(N,K,R) :- M is N-1, J is K-1, choose(M,J,A), choose(M,K,B), R is (A+B) mod 1000007.
main :- n(N), K is N // 2, choose(N,K,R), write(R), nl, halt.
:- initialization(main).
