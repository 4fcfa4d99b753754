// What --table-stats tells at the end of a run.
#include "runtime/tables/table.h"

#include "cli/cli.h"

void cli_table_stats(const Cli *cli) {
  TableStats s = ambi_tables_stats(cli->rt);
  const struct {
    const char *name;
    uint64_t n;
  } rows[] = {{"calls answered by a table", s.hits},
              {"calls evaluated for a table", s.misses},
              {"tables completed", s.made},
              {"tables dropped", s.dropped},
              {"tables kept", s.kept},
              {"bytes of tables kept", s.bytes}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    fprintf(stderr, "tables: %-30s %llu\n", rows[i].name,
            (unsigned long long)rows[i].n);
}
