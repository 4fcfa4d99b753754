-module(c_live).
-export([main/0]).
-define(N, 100000).
counter(N) -> receive {add, X} -> counter(N + X); {ask, B} -> B ! {total, N}, counter(N) end.
start(0, L) -> L;
start(I, L) -> A = spawn(fun() -> counter(0) end), start(I - 1, [{I, A} | L]).
gather(0, S) -> S;
gather(K, S) -> receive {total, I} -> gather(K - 1, S + I) end.
main() ->
  All = start(?N, []), B = self(),
  [A ! {add, I} || {I, A} <- All], [A ! {add, I} || {I, A} <- All],
  [A ! {ask, B} || {_, A} <- All],
  io:format("~p~n", [gather(?N, 0) - ?N]), halt().
