// Actors among which others are killed, supervised, limited and left without memory, all
// at random: no message to one that lives is lost, each end is told once, nobody waits
// for ever, and nothing is left behind.
//
// A round has senders. Each sends numbers to two receivers of its own, one in turn with
// the other, so that of a sender that was killed it is known, too, how far it came: one
// receiver has as many as the other, or one more, and each has them without a gap. Some
// mailboxes are small, so senders have to try again; some senders hoard until their heap
// is too large. Meanwhile clients call servers that are killed, crash, and are started again by
// their supervisor: each call is answered, or fails at once. A runtime has some rounds;
// the last one may be cut off by an allocation that fails, or by a limit on steps. Then
// it still evaluates, and gives back all its memory.
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "runtime/guard.h"
#include "tests/unit/actors.h"

static unsigned seconds;  // 0: RUNTIMES, whatever time it takes
static uint64_t seed = 1;
enum {
  RUNTIMES = 6,
  ROUNDS = 4,
  MOST_PAIRS = 6,
  MOST_KILLS = 8,
  EVALUATORS = 4
};

static const char program[] =
    "!(import! &self concurrent)"
    // A receiver, which ends at a gap, and what is sent to it. Full: once more later.
    "(= (collect $k)"
    "  (receive (((m $j) (if (== $j (+ $k 1)) (collect $j) (gap $k $j)))"
    "            ((call $r so-far) (let $u (reply $r $k) (collect $k))))))"
    "(= (put $a $m)"
    "  (case (catch (send $a $m) full)"
    "    ((full (receive () 1 (put $a $m))) ($ok $ok))))"
    "(= (sender $a $b $k $n $list)"
    "  (if (> $k $n) done"
    "    (let* (($u (put $a (m $k))) ($v (put $b (m $k)))"
    "           ($more (if (== $list none) none (cons-atom (x $k $k) $list))))"
    "      (sender $a $b (+ $k 1) $n $more))))"
    "(= (pair plain $n)"
    "  (let* (($a (spawn (collect 0))) ($b (spawn (collect 0) ((mailbox 20))))"
    "         ($s (spawn (sender $a $b 1 $n none) (monitor))))"
    "    (pair $s $a $b $n)))"
    "(= (pair hoarder $n)"
    "  (let* (($a (spawn (collect 0) ((mailbox 50)))) ($b (spawn (collect 0)))"
    "         ($s (spawn (sender $a $b 1 $n ()) (monitor (memory 300000)))))"
    "    (pair $s $a $b $n)))"
    "(= (pairs $l)"
    "  (if (== $l ()) ()"
    "    (let* ((($one $rest) (decons-atom $l)) (($kind $n) $one)"
    "           ($p (pair $kind $n)) ($more (pairs $rest)))"
    "      (cons-atom $p $more))))"
    // How far a sender came that has ended.
    "(= (told (pair $s $a $b $n))"
    "  (receive (((down $s normal) (fits $a $b $n True))"
    "            ((down $s chaos) (fits $a $b $n False))"
    "            ((down $s (Error $x $text)) (fits $a $b $n False)))"
    "    100000 stuck))"
    "(= (ask $a)"
    "  (case (catch (call $a so-far 100000) full)"
    "    ((full (receive () 1 (ask $a))) ($n $n))))"
    "(= (fits $a $b $n $all)"
    "  (let* (($x (ask $a)) ($y (ask $b))"
    "         ($u (kill $a over)) ($v (kill $b over)))"
    "    (if (and (or (== $x $y) (== $x (+ $y 1)))"
    "             (if $all (== $y $n) (<= $x $n)))"
    "      ok (lost $x $y $n))))"
    "(= (all-told $l)"
    "  (if (== $l ()) ()"
    "    (let* ((($p $rest) (decons-atom $l)) ($x (told $p))"
    "           ($more (all-told $rest)))"
    "      (cons-atom $x $more))))"
    // Servers that come again, and who calls them.
    "(= (server)"
    "  (receive (((call $r (plus $x)) (let $u (reply $r (+ $x 1)) (server)))"
    "            (crash (/ 1 0)))))"
    "(= (servers $east $west)"
    "  (supervise one-for-one (($east (server)) ($west (server))) 1000000 "
    "1000))"
    "(= (client $who $k $name $other)"
    "  (if (== $k 0) (send $who (served fine))"
    "    (let $x (catch (call $name (plus $k) 200000) failed)"
    "      (if (or (== $x failed) (== $x (+ $k 1)))"
    "        (client $who (- $k 1) $other $name)"
    "        (send $who (served (wrong $k $x)))))))"
    // Kills: (WHO MS): after so many milliseconds that sender, or server.
    "(= (hit $pairs $i)"
    "  (case $i"
    "    (((server $s) (catch (kill $s chaos) gone))"
    "     ((crash $s) (catch (send $s crash) gone))"
    "     ($n (let (pair $s $a $b $k) (index-atom $pairs $n) (kill $s "
    "chaos))))))"
    "(= (killer $pairs $l)"
    "  (if (== $l ()) done"
    "    (let* ((($one $rest) (decons-atom $l)) (($i $ms) $one)"
    "           ($u (receive () $ms ())) ($v (hit $pairs $i)))"
    "      (killer $pairs $rest))))"
    "(= (round $east $west $kinds $calls $kills)"
    "  (let* (($me (self)) ($super (spawn (servers $east $west) (monitor)))"
    "         ($pairs (pairs $kinds)) ($c (spawn (client $me $calls $east "
    "$west)"
    "           (monitor)))"
    "         ($k (spawn (killer $pairs $kills) (monitor))) ($all (all-told "
    "$pairs))"
    "         ($d (receive (((down $k $p) ())) 100000 stuck))"
    "         ($s (receive (((served $how) (receive (((down $c $q) $how))"
    "                                        100000 stuck))"
    "                       ((down $c $r) limited)) 100000 stuck))"
    "         ($v (kill $super over))"
    "         ($e (receive (((down $super over) ()) ((down $super $z) "
    "limited))"
    "           100000 stuck))"
    "         ($t (receive (((down $x $y) twice) ((served $x) twice)) 0 once)))"
    "    ($all $d $s $e $t)))";

// ---- a runtime ------------------------------------------------------------------------
static uint32_t below(uint32_t n) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(seed >> 33) % n;
}

// ---- rounds ---------------------------------------------------------------------------
typedef struct Text {
  char at[2048];
  size_t n;
} Text;
typedef struct Round {
  Text form, expected;
} Round;

__attribute__((format(printf, 2, 3))) static void put(Text *t,
                                                      const char *format, ...) {
  va_list args;
  va_start(args, format);
  t->n += (size_t)vsnprintf(t->at + t->n, sizeof t->at - t->n, format, args);
  va_end(args);
  ck_assert_uint_lt(t->n, sizeof t->at);
}

static void put_kill(Text *t, uint32_t senders, unsigned number) {
  uint32_t who = below(senders + 3);
  const char *name = below(2) ? "east" : "west";
  if (who < senders)
    put(t, "(%u", who);
  else
    put(t, "((%s %s%u)", below(3) ? "server" : "crash", name, number);
  put(t, " %u)", below(4));
}

static Round make_round(unsigned number) {
  Round r = {0};
  uint32_t n = 1 + below(MOST_PAIRS);
  put(&r.form, "!(round east%u west%u (", number, number);
  put(&r.expected, "[((");
  for (uint32_t i = 0; i < n; i++) {
    bool hoards = below(3) == 0;
    put(&r.form, "(%s %u)", hoards ? "hoarder" : "plain",
        1 + below(hoards ? 3000 : 300));
    put(&r.expected, "%sok", i ? " " : "");
  }
  put(&r.form, ") %u (", below(200));
  for (uint32_t k = below(MOST_KILLS); k-- > 0;)
    put_kill(&r.form, n, number);
  put(&r.form, "))");
  put(&r.expected, ") () fine () once)]");
  return r;
}

// Actors that are still there may be looking.
static void set_steps(uint64_t n) {
  ambi_guard(rt);
  rt->limits.steps = n;
  ambi_unguard(rt);
}

// It is cut off, or gives what it always gives. The limit on steps is that of each
// actor, too.
static void cut_off(const Round *r, bool by_outage) {
  uint64_t n = 1 + below(by_outage ? 3000 : 30000);
  uint64_t had = rt->limits.steps;
  if (by_outage)
    ambi_alloc_fail_at(n);
  else
    set_steps(n);
  enum RunStatus status = run(r->form.at);
  ambi_alloc_fail_at(0);
  set_steps(had);
  const char *text = lines.len ? lines.text : "";
  bool whole = status == RUN_OK && strcmp(text, r->expected.at) == 0;
  bool cut = status == RUN_LIMIT && lines.len == 0;
  bool limited = !by_outage && strstr(text, "limited");
  ck_assert_msg(whole || cut || limited, "%s with %s %u: %d, %s", r->form.at,
                by_outage ? "outage" : "steps", (unsigned)n, status, text);
}

static void some_rounds(void) {
  open_runtime(1 + below(EVALUATORS));
  gives(program, "[()]");
  for (uint32_t i = below(ROUNDS); i-- > 0;) {
    Round r = make_round(i);
    gives(r.form.at, r.expected.at);
  }
  Round r = make_round(ROUNDS);
  cut_off(&r, below(2));
  gives("(= (again $x) (+ $x 1)) !(again 41)", "[42]");
  close_runtime();
}

// Check cannot tell of a test that takes longer than half an hour, so a long run is
// several, each from a seed of its own.
enum { AT_ONCE = 1200 };

START_TEST(nothing_is_lost) {
  unsigned left = seconds - (unsigned)_i * AT_ONCE;
  time_t end = time(NULL) + (left < AT_ONCE ? left : AT_ONCE);
  unsigned n = 0;
  seed += (uint64_t)_i * 1442695040888963407u;
  for (; seconds ? time(NULL) < end : n < RUNTIMES; n++) {
    if (seconds) fprintf(stderr, "\r%u runtimes, seed %" PRIu64 " ", n, seed);
    some_rounds();
  }
}
END_TEST

// chaos_test [SECONDS [SEED]]
int main(int argc, char **argv) {
  if (argc > 1) seconds = (unsigned)strtoul(argv[1], NULL, 10);
  if (argc > 2) seed = strtoull(argv[2], NULL, 10);
  TCase *tc = tcase_create("chaos");
  tcase_set_timeout(tc, 0);
  int runs = seconds ? (int)((seconds + AT_ONCE - 1) / AT_ONCE) : 1;
  tcase_add_loop_test(tc, nothing_is_lost, 0, runs);
  return unit_run(tc, "chaos");
}
