n(200).
sel(H,[H|T],T).
sel(X,[H|T],[H|R]) :- sel(X,T,R).
digits(I,K,L) :- ( K =:= 10 -> L = [] ; D is (I+3*K) rem 10, L = [D|T], J is K+1, digits(I,J,T) ).
puzzle(L,Money) :-
  sel(D,L,L1), sel(E,L1,L2), Y is (D+E) rem 10, C1 is (D+E)//10, sel(Y,L2,L3),
  sel(N,L3,L4), sel(R,L4,L5), E =:= (N+R+C1) rem 10, C2 is (N+R+C1)//10,
  sel(O,L5,L6), N =:= (E+O+C2) rem 10, C3 is (E+O+C2)//10,
  sel(S,L6,L7), sel(M,L7,_), M > 0, S > 0, O =:= (S+M+C3) rem 10, M =:= (S+M+C3)//10,
  value([M,O,N,E,Y],0,Money).
value([],V,V).
value([D|T],V,R) :- U is D+10*V, value(T,U,R).
rep(I,S,R) :- ( I =:= 0 -> R = S ; digits(I,0,L), findall(M,puzzle(L,M),[M]), T is S+M-I, J is I-1, rep(J,T,R) ).
main :- n(N), rep(N,0,R), write(R), nl, halt.
:- initialization(main).
