# Turns include/ambit.h into the manual page libambit(3): awk -v version=V -f manual.awk ambit.h
#
# The header says of each call what it wants, gives and owns. Its opening comment becomes the
# description, its headings sections, each declaration a block with the comment that stands
# above it indented below.

BEGIN {
  print ".TH LIBAMBIT 3 \"\" \"ambit " version "\" \"Library Functions\""
  print ".nh\n.SH NAME\nlibambit \\- MeTTa as a C library"
  print ".SH SYNOPSIS\n.nf\n.B #include <ambit.h>\n.PP"
  print "cc FILE $(pkg\\-config \\-\\-cflags \\-\\-libs ambit)\n.fi"
}
/^\/\* ambit\.h - / { opening = 1; print ".SH DESCRIPTION"; next }
opening {
  if (/^ \*\//) { opening = 0; next }
  sub(/^ \* ?/, "")
  paragraph($0)
  next
}
/^AMBIT_API|^typedef|^enum/ { inside = 1 }
/^\/\* ---- / {
  sub(/^\/\* -+ /, "")
  sub(/ -+ *\*\/$/, "")
  told()
  print ".SH " toupper(escaped($0))
  next
}
/^\/\* / && !code { told(); comment = 1 }
comment {
  line = $0
  comment = line !~ /\*\/$/
  sub(/^( \*|\/\*) ?/, "", line)
  sub(/ ?\*\/$/, "", line)
  text[++lines] = line
  next
}
inside {
  if (!code) print ".PP\n.nf"
  sub(/^AMBIT_API /, "")
  code = 1
  print escaped($0)
  depth += gsub(/{/, "{") - gsub(/}/, "}")
  if (depth || !/;( *\/\*.*\*\/)?$/) next
  print ".fi"
  code = inside = 0
  if (lines) print ".RS 4"
  under = lines
  told()
  if (under) print ".RE"
}

function told(    i) {
  for (i = 1; i <= lines; i++) paragraph(text[i])
  lines = 0
}

function paragraph(line) {
  if (line == "") print ".PP"
  else if (match(line, /^(Threads|Errors|Ownership)\./))
    print ".B " substr(line, 1, RLENGTH) "\n" escaped(substr(line, RLENGTH + 2))
  else print escaped(line)
}

function escaped(line) {
  gsub(/\\/, "\\e", line)
  gsub(/-/, "\\-", line)
  if (line ~ /^[.']/) line = "\\&" line
  return line
}

END {
  told()
  print ".SH SEE ALSO\n.BR ambit (1)"
}
