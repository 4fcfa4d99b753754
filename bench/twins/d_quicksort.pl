n(200).
k(2000).
next(X,Y) :- Y is (X*1664525+1013904223) rem 2147483648.
numbers(N,X,L) :- ( N =:= 0 -> L = [] ; V is X rem 100003, L = [V|T], M is N-1, next(X,Y), numbers(M,Y,T) ).
split(_,[],L,H,L,H).
split(P,[X|T],L,H,A,B) :- ( X < P -> split(P,T,[X|L],H,A,B) ; split(P,T,L,[X|H],A,B) ).
qsort([],R,R).
qsort([P|T],R,S) :- split(P,T,[],[],L,H), qsort(H,R,U), qsort(L,[P|U],S).
weigh([],_,S,S).
weigh([H|T],I,S,R) :- U is (S+I*H) rem 1000003, J is I+1, weigh(T,J,U,R).
rep(I,K,S,R) :- ( I =:= 0 -> R = S ; numbers(K,I,L), qsort(L,[],M), weigh(M,1,S,T), J is I-1, rep(J,K,T,R) ).
main :- n(N), k(K), rep(N,K,0,R), write(R), nl, halt.
:- initialization(main).
