// Tracks of a timeline: what they keep, in which order, on which thread.
#include "memory/timeline.h"

#include <pthread.h>
#include <string.h>

#include "memory/alloc.h"
#include "tests/unit/broken.h"

enum { KEPT = 4 };

static void span(Timeline *t, const char *name, uint64_t amount) {
  ambi_timeline_span(t, ambi_timeline_now(), "test", name, amount);
}

START_TEST(the_newest_are_kept) {
  Timeline *t = ambi_timeline_open(KEPT);
  TrackView view;
  ck_assert(!ambi_timeline_track(t, 0, &view));
  for (uint64_t n = 0; n < 10; n++) {
    span(t, "it", n);
    ck_assert(ambi_timeline_track(t, 0, &view));
    ck_assert_uint_eq(view.lost, n < KEPT ? 0 : n + 1 - KEPT);
    uint64_t oldest = view.lost;
    uint32_t i = 0;
    for (const Event *e; (e = ambi_timeline_event(t, 0, i)); i++)
      ck_assert_uint_eq(e->amount, oldest + i);
    ck_assert_uint_eq(oldest + i, n + 1);
  }
  ck_assert(!ambi_timeline_track(t, 1, &view));
  ambi_timeline_close(t);
}
END_TEST

// Cut where a character ends.
START_TEST(long_names) {
  Timeline *t = ambi_timeline_open(KEPT);
  char name[3 * EVENT_NAME + 1] = "";
  for (int i = 0; i < EVENT_NAME; i++)
    strcat(name, "\xE2\x82\xAC");
  for (int skip = 0; skip < 3; skip++)
    span(t, name + 3 * skip, 0);
  name[0] = 'x';
  name[1] = 'y';
  name[2] = 'z';
  span(t, name + 1, 0);
  for (uint32_t i = 0; i < KEPT; i++) {
    const char *kept = ambi_timeline_event(t, 0, i)->name;
    size_t len = strlen(kept);
    ck_assert_uint_lt(len, EVENT_NAME);
    ck_assert_uint_gt(len, EVENT_NAME - 4);
    ck_assert_uint_eq(len % 3, i < 3 ? 0 : 2);
  }
  ambi_timeline_close(t);
}
END_TEST

static void *one_thread(void *arg) {
  ambi_timeline_name(arg, "other", 7);
  ambi_timeline_arrives(arg, "test", 1);
  ambi_timeline_label(arg, "kind", "kind 3", 3);
  ambi_timeline_slice(arg, ambi_timeline_now());
  ambi_timeline_slice(arg, ambi_timeline_now());
  return NULL;
}

START_TEST(threads_have_tracks) {
  Timeline *t = ambi_timeline_open(KEPT);
  ambi_timeline_name(t, "this", 0);
  ck_assert_uint_eq(ambi_timeline_leaves(t, "test"), 1);
  pthread_t thread;
  pthread_create(&thread, NULL, one_thread, t);
  pthread_join(thread, NULL);
  ck_assert_uint_eq(ambi_timeline_leaves(t, "test"), 2);
  TrackView view[2];
  ck_assert(ambi_timeline_track(t, 0, &view[0]));
  ck_assert(ambi_timeline_track(t, 1, &view[1]));
  unsigned other = strcmp(view[1].name, "other") == 0;
  ck_assert_str_eq(view[other].name, "other");
  ck_assert_uint_eq(view[other].order, 7);
  ck_assert_str_eq(view[!other].name, "this");
  ck_assert_int_eq(ambi_timeline_event(t, other, 0)->kind, EVENT_ARRIVES);
  ck_assert_str_eq(ambi_timeline_event(t, other, 1)->name, "kind 3");
  ck_assert_str_eq(ambi_timeline_event(t, other, 2)->name, "task");
  ck_assert_ptr_null(ambi_timeline_event(t, other, 3));
  ck_assert_int_eq(ambi_timeline_event(t, !other, 1)->kind, EVENT_LEAVES);
  ambi_timeline_close(t);
}
END_TEST

// What a thread knows of one timeline is not believed of the next at the same place.
START_TEST(one_after_the_other) {
  for (int i = 0; i < 8; i++) {
    Timeline *t = ambi_timeline_open(1);
    span(t, "it", (uint64_t)i);
    ck_assert_uint_eq(ambi_timeline_event(t, 0, 0)->amount, i);
    ambi_timeline_close(t);
  }
}
END_TEST

START_TEST(without_memory) {
  size_t before = ambi_alloc_bytes();
  ambi_alloc_fail_at(1);
  ck_assert_ptr_null(ambi_timeline_open(KEPT));
  Timeline *t = ambi_timeline_open(KEPT);
  TrackView view;
  ambi_alloc_fail_at(1);
  span(t, "it", 0);
  ck_assert(!ambi_timeline_track(t, 0, &view));
  span(t, "it", 1);
  ck_assert_uint_eq(ambi_timeline_event(t, 0, 0)->amount, 1);
  ambi_timeline_close(t);
  ck_assert_uint_eq(ambi_alloc_bytes(), before);
}
END_TEST

START_TEST(walk) {
  Timeline *t = ambi_timeline_open(KEPT);
#define TIMELINE ambi_timeline_is_valid(t, &why)
  SOUND(TIMELINE);
  ambi_timeline_name(t, "one", 1);
  span(t, "it", 1);
  uint64_t number = ambi_timeline_leaves(t, "given");
  ambi_timeline_arrives(t, "given", number);
  Event *e[3];
  for (uint32_t i = 0; i < 3; i++) {
    e[i] = (Event *)(uintptr_t)ambi_timeline_event(t, 0, i);
    ck_assert_ptr_nonnull(e[i]);
  }
  BROKEN(e[0]->kind, (enum EventKind)(EVENT_ARRIVES + 1), TIMELINE,
         "an event of no kind");
  BROKEN(e[0]->what, NULL, TIMELINE, "an event of no kind");
  BROKEN(e[0]->took, UINT64_MAX / 2, TIMELINE, "an event of a time to come");
  BROKEN(e[1]->at, UINT64_MAX, TIMELINE, "an event of a time to come");
  BROKEN(e[2]->amount, number + 1, TIMELINE,
         "an event with a number that nothing got");
  Event was = *e[0];
  memset(e[0]->name, 'x', sizeof e[0]->name);
  SEES(TIMELINE, "an event whose name does not end");
  *e[0] = was;
  TrackView view;
  ck_assert(ambi_timeline_track(t, 0, &view));
  char *name = (char *)(uintptr_t)view.name, kept[TRACK_NAME];
  memcpy(kept, name, sizeof kept);
  memset(name, 'x', sizeof kept);
  SEES(TIMELINE, "a track whose name does not end");
  memcpy(name, kept, sizeof kept);
  SOUND(TIMELINE);
  ambi_timeline_close(t);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("timeline");
  tcase_add_test(tc, the_newest_are_kept);
  tcase_add_test(tc, long_names);
  tcase_add_test(tc, threads_have_tracks);
  tcase_add_test(tc, one_after_the_other);
  tcase_add_test(tc, without_memory);
  tcase_add_test(tc, walk);
  return unit_run(tc, "timeline");
}
