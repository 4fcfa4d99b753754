-module(c_spawn).
-export([main/0]).
-define(N, 1000000).
start(_, F, T) when F > T -> ok;
start(B, F, T) -> spawn(fun() -> B ! {result, F} end), start(B, F + 1, T).
gather(0, S) -> S;
gather(K, S) -> receive {result, I} -> gather(K - 1, S + I) end.
rounds(_, N, N, S) -> S;
rounds(B, D, N, S) -> start(B, D + 1, D + 1000), rounds(B, D + 1000, N, gather(1000, S)).
main() -> io:format("~p~n", [rounds(self(), 0, ?N, 0)]), halt().
