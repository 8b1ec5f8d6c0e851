# SPDX-License-Identifier: MIT
# The loops of multiply-adds, one file for each set of the library, compiled with the set's flags.

# mbconv_peak_sources(RESULT PROJECT): the files, as paths, for the sets of the library whose source is in PROJECT. Sets
# their flags in the folder that calls it.
function(mbconv_peak_sources result project)
  get_directory_property(sets DIRECTORY ${project} DEFINITION MBCONV_SETS)
  set(files)
  foreach(set IN LISTS sets)
    set(file ${project}/bench/peak_${set}.cc)
    get_directory_property(flags DIRECTORY ${project} DEFINITION MBCONV_FLAGS_${set})
    set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "${flags}")
    list(APPEND files ${file})
  endforeach()
  set(${result} ${files} PARENT_SCOPE)
endfunction()
