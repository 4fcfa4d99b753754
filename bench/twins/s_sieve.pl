:- dynamic(crossed/1).
n(400000).
cross(J,P,N) :- ( J > N -> true ; ( crossed(J) -> true ; assertz(crossed(J)) ), K is J+P, cross(K,P,N) ).
sieve(P,N) :- Q is P*P, ( Q > N -> true ; ( crossed(P) -> true ; cross(Q,P,N) ), R is P+1, sieve(R,N) ).
survey(P,N,K,S) :- ( P > N -> format("(~w ~w)~n",[K,S]) ; R is P+1,
  ( crossed(P) -> survey(R,N,K,S) ; L is K+1, T is S+P, survey(R,N,L,T) ) ).
main :- n(N), sieve(2,N), survey(2,N,0,0), halt.
:- initialization(main).
