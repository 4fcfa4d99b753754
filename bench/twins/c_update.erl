-module(c_update).
-export([main/0]).
-define(N, 1000000).
bump(_, 0) -> ok;
bump(T, N) -> ets:update_counter(T, count, 1), bump(T, N - 1).
main() ->
  T = ets:new(t, [public, set, {write_concurrency, true}]), ets:insert(T, {count, 0}), B = self(),
  [spawn(fun() -> bump(T, ?N), B ! done end) || _ <- [1, 2]],
  receive done -> ok end, receive done -> ok end,
  io:format("~p~n", [ets:lookup_element(T, count, 2)]), halt().
