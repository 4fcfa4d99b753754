n(200).
k(14).
tree(D,X,T) :- ( D =:= 0 -> T = leaf ; T = node(L,X,R), E is D-1, Y is X+D, Z is X-1, tree(E,Y,L), tree(E,Z,R) ).
walk(leaf,1).
walk(node(L,X,R),S) :- walk(L,A), walk(R,B), S is A+X+B.
rep(I,D,S,R) :- ( I =:= 0 -> R = S ; tree(D,I,T), walk(T,W), U is S+W, J is I-1, rep(J,D,U,R) ).
main :- n(N), k(K), rep(N,K,0,R), write(R), nl, halt.
:- initialization(main).
