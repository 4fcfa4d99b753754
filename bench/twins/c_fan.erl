-module(c_fan).
-export([main/0]).
-define(N, 100000).
-define(K, 10).
sender(_, 0) -> done;
sender(T, I) -> T ! {add, I}, sender(T, I - 1).
collector(B, 0, S) -> B ! {'end', S};
collector(B, K, S) -> receive {add, X} -> collector(B, K - 1, S + X) end.
main() ->
  B = self(), C = spawn(fun() -> collector(B, ?K * ?N, 0) end),
  [spawn(fun() -> sender(C, ?N) end) || _ <- lists:seq(1, ?K)],
  receive {'end', Sum} -> io:format("~p~n", [Sum]), halt() end.
