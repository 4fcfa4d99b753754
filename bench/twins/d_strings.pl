% not gplc: no strings
n(200000).
word(I,W) :- ( I rem 3 =:= 0 -> W = "fizz" ; I rem 5 =:= 0 -> W = "buzz" ; W = "none" ).
line(I,L) :- word(I,W), J is (I*I) rem 1009, format(string(L),"line ~w: ~s and ~w;",[I,W,J]).
text(L,H,T) :- ( L =:= H -> line(L,T) ; M is (L+H)//2, N is M+1, text(L,M,A), text(N,H,B), string_concat(A,B,T) ).
count(T,W,K) :- atomic_list_concat(P,W,T), length(P,L), K is L-1.
main :- n(N), text(1,N,T), string_length(T,L), count(T,fizz,K), format("(~w ~w)~n",[L,K]), halt.
:- initialization(main).
