-module(c_race).
-export([main/0]).
-define(N, 1000).
forever(N) -> forever(N + 1).
race(B) ->
  X = spawn(fun() -> forever(0) end), Y = spawn(fun() -> B ! {won, 1} end),
  receive {won, R} -> exit(X, kill), exit(Y, kill), R end.
races(0, W) -> W;
races(N, W) -> races(N - 1, W + race(self())).
main() -> io:format("~p~n", [races(?N, 0)]), halt().
