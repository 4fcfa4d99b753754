-module(c_ping).
-export([main/0]).
-define(N, 1000000).
player(B, P) ->
  receive
    {ball, _, 0, S} -> B ! {'end', S}, player(B, P);
    {ball, F, K, S} -> F ! {ball, self(), K - 1, S + P}, player(B, P)
  end.
main() ->
  B = self(), X = spawn(fun() -> player(B, 1) end), Y = spawn(fun() -> player(B, 2) end),
  X ! {ball, Y, ?N, 0},
  receive {'end', Sum} -> io:format("~p~n", [Sum]), halt() end.
