:- dynamic(assertion/4).
n(250).
take(float(L,Ty,V),scope(H,D,O),scope([float(L,Ty,V)|H],D,O)).
take(given(L,E),scope(H,D,O),scope([given(L,E)|H],D,O)).
take(apart(X,Y),scope(H,D,O),scope(H,[apart(X,Y)|D],O)).
take(open,scope(H,D,O),scope(H,D,scope(H,D,O))).
take(close,scope(_,_,O),O).
take(axiom(L,E),S,S) :- keep(L,E,S).
take(theorem(L,E,P),S,S) :- verify(P,E,S), keep(L,E,S).
load([],S,S).
load([X|T],S,R) :- take(X,S,U), load(T,U,R).
keep(L,E,scope(H,D,_)) :- mandatory(H,E,H,M), assertz(assertion(L,M,D,E)).
mandatory([],_,_,[]).
mandatory([given(L,X)|T],E,A,[given(L,X)|M]) :- mandatory(T,E,A,M).
mandatory([float(L,Ty,V)|T],E,A,R) :- mandatory(T,E,A,M), ( ( occurs(V,E) ; given_in(V,A) ) -> R = [float(L,Ty,V)|M] ; R = M ).
given_in(V,[given(_,E)|T]) :- ( occurs(V,E) -> true ; given_in(V,T) ).
given_in(V,[float(_,_,_)|T]) :- given_in(V,T).
occurs(V,[X|T]) :- ( X == V -> true ; occurs(V,T) ).
verify(P,E,S) :- prove(P,[],S,[Top]), Top == E.
prove([],St,_,St).
prove([L|T],St,S,R) :- step(L,St,S,U), prove(T,U,S,R).
step(L,St,scope(H,D,O),R) :-
  ( hypothesis(L,H,E) -> R = [E|St]
  ; assertion(L,M,A,E), pop(M,St,[],[],St1,Map,Todo), agree(Todo,Map), distinct(A,Map,scope(H,D,O)), subst(E,Map,F), R = [F|St1] ).
hypothesis(L,[float(K,Ty,V)|T],E) :- ( L == K -> E = [Ty,V] ; hypothesis(L,T,E) ).
hypothesis(L,[given(K,X)|T],E) :- ( L == K -> E = X ; hypothesis(L,T,E) ).
pop([],St,Map,Todo,St,Map,Todo).
pop([float(_,Ty,V)|T],[[Ty|E]|St],Map,Todo,A,B,C) :- pop(T,St,[to(V,E)|Map],Todo,A,B,C).
pop([given(_,E)|T],[Top|St],Map,Todo,A,B,C) :- pop(T,St,Map,[same(E,Top)|Todo],A,B,C).
agree([],_).
agree([same(E,Top)|T],Map) :- subst(E,Map,S), S == Top, agree(T,Map).
subst([],_,[]).
subst([X|T],Map,R) :- subst(T,Map,U), image(Map,X,U,R).
image([],X,U,[X|U]).
image([to(V,W)|T],X,U,R) :- ( X == V -> app(W,U,R) ; image(T,X,U,R) ).
app([],Y,Y).
app([H|T],Y,[H|Z]) :- app(T,Y,Z).
distinct([],_,_).
distinct([apart(X,Y)|T],Map,S) :- value(Map,X,A), value(Map,Y,B), \+ shares(A,B,S), distinct(T,Map,S).
value([],_,[]).
value([to(V,W)|T],X,R) :- ( X == V -> R = W ; value(T,X,R) ).
shares([X|T],B,S) :- ( touches(B,X,S) -> true ; shares(T,B,S) ).
touches([Y|T],X,S) :- ( near(X,Y,S) -> true ; touches(T,X,S) ).
near(X,Y,scope(H,D,_)) :- variable(X,H), variable(Y,H), ( X == Y -> true ; \+ declared(X,Y,D) ).
variable(X,[given(_,_)|T]) :- variable(X,T).
variable(X,[float(_,_,V)|T]) :- ( X == V -> true ; variable(X,T) ).
declared(X,Y,[apart(A,B)|T]) :- ( ( X == A, Y == B ; X == B, Y == A ) -> true ; declared(X,Y,T) ).
database([
  float(wp,wff,p),float(wq,wff,q),float(wr,wff,r),float(vx,var,x),float(vy,var,y),
  axiom(wi,[wff,lp,p,'=>',q,rp]),axiom(wn,[wff,neg,p]),axiom(wa,[wff,all,x,p]),
  axiom(ax1,['|-',lp,p,'=>',lp,q,'=>',p,rp,rp]),
  axiom(ax2,['|-',lp,lp,p,'=>',lp,q,'=>',r,rp,rp,'=>',lp,lp,p,'=>',q,rp,'=>',lp,p,'=>',r,rp,rp,rp]),
  axiom(ax3,['|-',lp,lp,neg,p,'=>',neg,q,rp,'=>',lp,q,'=>',p,rp,rp]),
  open,given(mp1,['|-',p]),given(mp2,['|-',lp,p,'=>',q,rp]),axiom(mp,['|-',q]),close,
  open,given(gen1,['|-',p]),axiom(gen,['|-',all,x,p]),close,
  open,apart(x,p),axiom(ax5,['|-',lp,p,'=>',all,x,p,rp]),close,
  theorem(refl,['|-',lp,p,'=>',p,rp],Good),
  open,given(a1i1,['|-',p]),theorem(a1i,['|-',lp,q,'=>',p,rp],[wp,wq,wp,wi,a1i1,wp,wq,ax1,mp]),close,
  open,given(syl1,['|-',lp,p,'=>',q,rp]),given(syl2,['|-',lp,q,'=>',r,rp]),
  theorem(syl,['|-',lp,p,'=>',r,rp],
    [wp,wq,wi,wp,wr,wi,syl1,wp,wq,wr,wi,wi,wp,wq,wi,wp,wr,wi,wi,wq,wr,wi,wp,syl2,a1i,wp,wq,wr,ax2,mp,mp]),close,
  theorem(allrefl,['|-',all,x,lp,p,'=>',p,rp],[wp,wp,wi,vx,wp,refl,gen]),
  open,apart(x,p),apart(y,p),apart(x,y),
  theorem(ax5two,['|-',lp,p,'=>',all,y,all,x,p,rp],[wp,wp,vx,wa,wp,vx,wa,vy,wa,wp,vx,ax5,wp,vx,wa,vy,ax5,syl]),close]) :- template(good,Good).
template(good,[wp,wp,wp,wi,wi,wp,wp,wi,wp,wp,ax1,wp,wp,wp,wi,wp,wi,wi,wp,wp,wp,wi,wi,wp,wp,wi,wi,
  wp,wp,wp,wi,ax1,wp,wp,wp,wi,wp,ax2,mp,mp]).
template(bad,[wp,wp,wp,wi,wi,wp,wp,wi,wp,wp,ax1,wp,wp,wp,wi,wp,wi,wi,wp,wp,wp,wi,wi,wp,wp,wi,wi,
  wp,wp,wp,wi,ax1,wp,wp,wp,wi,wp,ax1,mp,mp]).
formula(I,E,L) :- ( I < 2 -> E = [p], L = [wp] ; J is I//2, formula(J,F,M),
  ( I rem 2 =:= 0 -> E = [neg|F], app(M,[wn],L)
  ; app([lp,q,'=>'|F],[rp],E), app([wq|M],[wi],L) ) ).
check(I,S,K,N) :- formula(I,E,L), ( I rem 4 =:= 0 -> template(bad,T) ; template(good,T) ), subst(T,[to(wp,L)],P),
  subst(['|-',lp,p,'=>',p,rp],[to(p,E)],G), ( verify(P,G,S) -> K = 1, length(P,N) ; K = 0, N = 0 ).
rep(I,S,K,N) :- ( I =:= 0 -> format("(~w ~w)~n",[K,N]) ; check(I,S,A,B), K1 is K+A, N1 is N+B, J is I-1, rep(J,S,K1,N1) ).
main :- n(N), database(D), load(D,scope([],[],none),S), rep(N,S,0,0), halt.
:- initialization(main).
