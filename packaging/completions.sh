#!/bin/sh
# Writes the completions of bash, zsh and fish: completions.sh AMBIT FOLDER.
#
# They are made of what the program says of itself, which is made of its tables of
# commands and options: nothing is listed a second time, and so nothing gets stale.
set -eu
ambit=$1
to=$2
here=$(dirname "$0")
mkdir -p "$to"
{
  "$ambit" --help
  for command in $("$ambit" --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    "$ambit" "$command" --help
  done
} >"$to/help.txt"
for shell in bash zsh fish; do
  case $shell in
  zsh) name=_ambit ;;
  *) name=ambit.$shell ;;
  esac
  awk -v shell="$shell" -f "$here/completions.awk" "$to/help.txt" >"$to/$name.tmp"
  mv "$to/$name.tmp" "$to/$name"
done
rm "$to/help.txt"
