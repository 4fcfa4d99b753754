# Turns the help texts of the program and its tools into the completions of a shell.
#
# A line of a help text is a name, maybe with a value, and what it is for. A value is
# completed as a path when it is called FILE, as one of the words that stand behind the
# last colon of the line ("text or json"), and otherwise not at all.

/^usage: ambit / {
  scope = $3 ~ /^[a-z]+$/ ? $3 : ""
  part = ""
  again = scope == "" && general++  # a command without options of its own
  if (scope != "") tools[scope] = 1
}
/^commands:$/ || /^options:$/ { part = $1; next }
/^$/ { part = "" }
again || !/^  [^ ]/ { next }
part == "commands:" {
  command[++commands] = $1
  about[$1] = rest(substr($0, 3))
}
part == "options:" { take(substr($0, 3)) }

function rest(line) {  # behind the name and its value
  sub(/^[^ ]+( [A-Z]+)? +/, "", line)
  return line
}

function take(line,    value) {
  n++
  of[n] = scope
  name[n] = line
  sub(/[ [].*/, "", name[n])
  value = substr(line, length(name[n]) + 1)
  joined[n] = value ~ /^\[=/
  help[n] = rest(line)
  if (joined[n]) value = substr(value, 3)
  else if (value !~ /^ [A-Z]/) value = ""
  sub(/^ /, "", value)
  sub(/[] ].*/, "", value)
  meta[n] = value
  words[n] = value ~ /^[a-z]+$/ ? value : value == "" ? "" : choices(help[n])
}

function choices(text) {
  if (!sub(/.*: /, "", text) || text !~ /^[a-z]+(, [a-z]+)*,? or [a-z]+$/) return ""
  gsub(/,? or |, /, " ", text)
  return text
}

function quoted(text) {
  gsub(/'/, shell == "fish" ? "\\'" : "'\\''", text)
  return "'" text "'"
}

function options_of(which,    i, all) {
  for (i = 1; i <= n; i++)
    if (of[i] == which) all = all " " name[i]
  return substr(all, 2)
}

function tool_names(    i, all) {
  for (i = 1; i <= commands; i++)
    if (command[i] in tools) all = all " " command[i]
  return substr(all, 2)
}

function command_names(    i, all) {
  for (i = 1; i <= commands; i++) all = all " " command[i]
  return substr(all, 2)
}

function others(    i, all) {
  for (i = 1; i <= commands; i++)
    if (!(command[i] in tools)) all = all " | " command[i]
  return substr(all, 4)
}

# ---- bash -----------------------------------------------------------------------

function bash(    i, taking) {
  print "_ambit() {"
  print "  local IFS=$'\\n' cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}"
  print "  local joined='' command='' scope='' options='' i"
  print "  # A word with = in it comes as three."
  print "  if [[ $cur == = ]]; then"
  print "    cur='' joined=yes"
  print "  elif [[ $prev == = ]]; then"
  print "    prev=${COMP_WORDS[COMP_CWORD - 2]} joined=yes"
  print "  fi"
  print "  for ((i = 1; i < COMP_CWORD; i++)); do"
  print "    case ${COMP_WORDS[i]} in"
  for (i = 1; i <= n; i++)
    if (of[i] == "" && meta[i] != "" && !joined[i]) taking = taking " | " name[i]
  print "    " substr(taking, 4) ")"
  print "      ((i++))"
  print "      [[ ${COMP_WORDS[i]} != = ]] || ((i++))"
  print "      ;;"
  print "    =) ((i++)) ;;"
  print "    -*) ;;"
  print "    *)"
  print "      command=${COMP_WORDS[i]}"
  print "      break"
  print "      ;;"
  print "    esac"
  print "  done"
  print "  case $command in"
  for (i = 1; i <= commands; i++)
    if (command[i] in tools)
      print "  " command[i] ") scope=$command options=" quoted(options_of(command[i])) " ;;"
  print "  '' | " others() ") options=" quoted(options_of("")) " ;;"
  print "  esac"
  print "  COMPREPLY=()"
  print "  case $scope,$prev,$joined in"
  for (i = 1; i <= n; i++) {
    if (meta[i] == "") continue
    print "  " of[i] "," name[i] "," (joined[i] ? "yes" : "*") ")"
    if (words[i] != "")
      print "    COMPREPLY=($(IFS=' ' compgen -W " quoted(words[i]) " -- \"$cur\"))"
    else if (meta[i] == "FILE")
      print "    COMPREPLY=($(compgen -f -- \"$cur\"))"
    print "    return"
    print "    ;;"
  }
  print "  esac"
  print "  if [[ $cur == -* ]]; then"
  print "    COMPREPLY=($(IFS=' ' compgen -W \"$options\" -- \"$cur\"))"
  print "    return"
  print "  fi"
  print "  [[ -n $command ]] ||"
  print "    COMPREPLY=($(IFS=' ' compgen -W " quoted(command_names()) " -- \"$cur\"))"
  print "  COMPREPLY+=($(compgen -f -- \"$cur\"))"
  print "}"
  print "complete -o filenames -F _ambit ambit"
}

# ---- zsh ------------------------------------------------------------------------

function zsh(    i) {
  print "#compdef ambit"
  print "_ambit() {"
  print "  local context state state_descr line ret=1"
  print "  typeset -A opt_args"
  print "  local -a commands general"
  print "  commands=("
  for (i = 1; i <= commands; i++) print "    " quoted(command[i] ":" about[command[i]])
  print "  )"
  print "  general=("
  for (i = 1; i <= n; i++)
    if (of[i] == "") print "    " zsh_option(i)
  print "  )"
  print "  _arguments -C -S $general '1: :->first' '*:: :->rest' && ret=0"
  print "  case $state in"
  print "  first)"
  print "    _describe -t commands command commands && ret=0"
  print "    _files && ret=0"
  print "    ;;"
  print "  rest)"
  print "    case $words[1] in"
  for (i = 1; i <= commands; i++)
    if (command[i] in tools) zsh_tool(command[i])
  print "    " others() ") _arguments -S $general '*:file:_files' && ret=0 ;;"
  print "    *) _files && ret=0 ;;"
  print "    esac"
  print "    ;;"
  print "  esac"
  print "  return ret"
  print "}"
  print "_ambit \"$@\""
}

function zsh_tool(tool,    i) {
  print "    " tool ")"
  print "      _arguments -S \\"
  for (i = 1; i <= n; i++)
    if (of[i] == tool) print "        " zsh_option(i) " \\"
  print "        '*:file:_files' && ret=0"
  print "      ;;"
}

function zsh_option(i,    text, spec) {
  text = help[i]
  gsub(/[][\\]/, "\\\\&", text)
  spec = (text ~ /may be repeated/ ? "*" : "") name[i]
  if (meta[i] != "") spec = spec (joined[i] ? "=-" : name[i] ~ /^--/ ? "=" : "+")
  spec = spec "[" text "]"
  if (meta[i] == "") return quoted(spec)
  spec = spec (joined[i] ? "::" : ":") meta[i] ":"
  if (words[i] != "") spec = spec "(" words[i] ")"
  else if (meta[i] == "FILE") spec = spec "_files"
  else spec = spec " "
  return quoted(spec)
}

# ---- fish -----------------------------------------------------------------------

function fish(    i, where, line) {
  for (i = 1; i <= commands; i++)
    print "complete -c ambit -n 'not __fish_seen_subcommand_from " command_names() "' -a " \
      command[i] " -d " quoted(about[command[i]])
  for (i = 1; i <= n; i++) {
    where = of[i] == "" ? "not __fish_seen_subcommand_from " tool_names() \
                        : "__fish_seen_subcommand_from " of[i]
    line = "complete -c ambit -n '" where "'"
    line = line (name[i] ~ /^--/ ? " -l " substr(name[i], 3) : " -s " substr(name[i], 2))
    if (meta[i] == "FILE") line = line (joined[i] ? "" : " -r") " -F"
    else if (meta[i] != "" && !joined[i]) line = line " -x"
    if (words[i] != "") line = line " -a " quoted(words[i])
    print line " -d " quoted(help[i])
  }
}

END {
  if (!commands || !n) exit 1
  if (shell != "zsh") print "# Completion of ambit, made of its help texts."
  if (shell == "bash") bash()
  else if (shell == "zsh") zsh()
  else fish()
}
