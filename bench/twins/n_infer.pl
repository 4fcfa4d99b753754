n(1000).
k(5).
infer(lit(_),_,int).
infer(plus(A,B),E,int) :- infer(A,E,int), infer(B,E,int).
infer(var(X),E,T) :- look(X,E,T).
infer(lam(X,B),E,arrow(A,R)) :- infer(B,mono(X,A,E),R).
infer(app(F,X),E,R) :- infer(F,E,FT), unify_with_occurs_check(FT,arrow(A,R)), infer(X,E,XT), unify_with_occurs_check(A,XT).
infer(let(X,D,B),E,T) :- infer(D,E,_), infer(B,poly(X,D,E,E),T).
look(X,mono(Y,T,E),R) :- ( X == Y -> R = T ; look(X,E,R) ).
look(X,poly(Y,D,S,E),R) :- ( X == Y -> infer(D,S,R) ; look(X,E,R) ).
twice(lam(f,lam(y,app(var(f),app(var(f),app(var(f),var(y))))))).
nest(K,N,T) :- ( K =:= 0 -> T = lam(n,plus(var(n),lit(N))) ; J is K-1, T = app(var(twice),U), nest(J,N,U) ).
power(K,T) :- ( K =:= 0 -> T = var(twice) ; J is K-1, T = app(U,var(twice)), power(J,U) ).
term(good,K,N,let(twice,W,app(A,lit(N)))) :- twice(W), nest(K,N,A).
term(poly,K,N,let(twice,W,app(app(P,A),lit(N)))) :- twice(W), power(K,P), nest(0,N,A).
term(clash,K,N,let(twice,W,app(A,A))) :- twice(W), nest(K,N,A).
term(endless,K,N,let(twice,W,app(A,app(lam(x,app(var(x),var(x))),lit(N))))) :- twice(W), nest(K,N,A).
types(Kind,K,N,C) :- term(Kind,K,N,T), findall(R,infer(T,end,R),L), length(L,C).
turn(I,K,V) :- types(good,K,I,A), types(poly,K,I,B), types(clash,K,I,C), types(endless,K,I,D), V is 1000*A+100*B+10*C+D.
rep(I,K,S,R) :- ( I =:= 0 -> R = S ; D is 1+(I+K) rem K, turn(I,D,V), T is S+V, J is I-1, rep(J,K,T,R) ).
main :- n(N), k(K), rep(N,K,0,R), write(R), nl, halt.
:- initialization(main).
