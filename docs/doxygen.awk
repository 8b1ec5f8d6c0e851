# SPDX-License-Identifier: MIT
# Doxygen's filter. The headers have comments in plain C: what stands before a declaration or behind it on its line is
# about it, `---- Title ----` begins a group, indented lines are code, and a column of names is one of parameters.

# A comment that is not a banner, `at` the place of its first character: the rest of the line.
function comment(at, mark) {
  return substr($0, 1, at - 1) mark substr($0, at + 2)
}

function close_group() {
  if (group) print "/** @} */"
  group = 0
}

/^\/\* SPDX/ {
  print "/** @file"
  inside = 1
  next
}

# A group's name is its title without what cannot stand in a name.
/^\/\* ---- .* -+ \*\/$/ {
  close_group()
  title = $0
  gsub(/^\/\* -+ | -+ \*\/$/, "", title)
  id = FILENAME title
  sub(/.*\//, "", id)
  gsub(/[^A-Za-z0-9]/, "_", id)
  printf "/** @defgroup %s %s\n * @{ */\n", id, title
  group = 1
  next
}

/^(#ifdef __cplusplus|}  \/\/ namespace mbconv)$/ { close_group() }

# `size_t height, width; /* of the image */` is about both.
!inside && /^  [a-z_0-9]+ [a-z_]+(, [a-z_]+)+; +\/\* .*\*\/$/ {
  type = $1
  text = substr($0, index($0, "/*") + 2)
  names = substr($0, length(type) + 4, index($0, ";") - length(type) - 4)
  count = split(names, name, ", ")
  for (i = 1; i <= count; i++) print "  " type " " name[i] "; /**<" text
  next
}

!inside && /^ *\/\* / {
  $0 = comment(index($0, "/*"), "/**")
  inside = 1
}

!inside && /[;,{)A-Z0-9] *\/\* / {
  $0 = comment(index($0, "/*"), "/**<")
  inside = 1
}

inside && /^ \*   [A-Z][a-z]+  +/ { # a list of the file's comment
  match($0, /[A-Z][a-z]+  +/)
  term = substr($0, RSTART, RLENGTH)
  sub(/ +$/, "", term)
  list = 1
  $0 = " * - " term ": " substr($0, RSTART + RLENGTH)
}

inside && /^ \*     +[^ ]/ && list { sub(/^ \* +/, " *   ") }
inside && !/^ \* [- ] / { list = 0 }

inside && /^ \*   [a-z_]+(, [a-z_]+)*  +/ {
  match($0, /[a-z_]+(, [a-z_]+)*  +/)
  names = substr($0, RSTART, RLENGTH)
  gsub(/ +/, "", names)
  $0 = " * @param " names " " substr($0, RSTART + RLENGTH)
}

{ print }

/\*\// { inside = 0 }
