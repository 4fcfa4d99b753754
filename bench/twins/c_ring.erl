-module(c_ring).
-export([main/0]).
-define(N, 100000).
-define(M, 10000000).
node(Next, B, W) ->
  receive
    {token, 0, S} -> B ! {'end', S};
    {token, K, S} -> Next ! {token, K - 1, S + W}, node(Next, B, W)
  end.
first(B) -> receive {next, A} -> node(A, B, 5) end.
links(1, Next, _) -> Next;
links(I, Next, B) ->
  W = case I rem 2 of 0 -> 1; _ -> 5 end,
  links(I - 1, spawn(fun() -> node(Next, B, W) end), B).
main() ->
  B = self(), F = spawn(fun() -> first(B) end), S = links(?N, F, B),
  F ! {next, S}, F ! {token, ?M, 0},
  receive {'end', Sum} -> io:format("~p~n", [Sum]), halt() end.
