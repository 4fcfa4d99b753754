# What is installed where, in three parts: the program and what belongs to it, the shared
# library, and what C programs are built with.

include(GNUInstallDirs)
set(COMPLETIONS ${CMAKE_BINARY_DIR}/completions)
add_custom_command(OUTPUT ${COMPLETIONS}/ambit.bash ${COMPLETIONS}/_ambit ${COMPLETIONS}/ambit.fish
  COMMAND sh ${CMAKE_SOURCE_DIR}/packaging/completions.sh $<TARGET_FILE:ambit> ${COMPLETIONS}
  DEPENDS ambit ${CMAKE_SOURCE_DIR}/packaging/completions.sh
    ${CMAKE_SOURCE_DIR}/packaging/completions.awk
  COMMENT "making the completions of shells")
add_custom_target(completions ALL DEPENDS ${COMPLETIONS}/ambit.bash)

set(LIBRARY_MANUAL ${CMAKE_BINARY_DIR}/libambit.3)
add_custom_command(OUTPUT ${LIBRARY_MANUAL}
  COMMAND awk -v version=${PROJECT_VERSION} -f ${CMAKE_SOURCE_DIR}/packaging/manual.awk
    ${CMAKE_SOURCE_DIR}/include/ambit.h > ${LIBRARY_MANUAL}
  DEPENDS ${CMAKE_SOURCE_DIR}/packaging/manual.awk ${CMAKE_SOURCE_DIR}/include/ambit.h
  COMMENT "making the manual page of the library")
add_custom_target(manual ALL DEPENDS ${LIBRARY_MANUAL})

foreach(need ${LIBRARY_NEEDS})
  if(need STREQUAL "asmjit::asmjit")
    string(APPEND PRIVATE_LIBS " -lasmjit -lstdc++")
  else()
    string(APPEND PRIVATE_LIBS " -l${need}")
  endif()
endforeach()
file(RELATIVE_PATH TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)  # it may be moved
configure_file(include/ambit.pc.in ambit.pc @ONLY)

install(TARGETS ambit COMPONENT program)
install(FILES docs/ambit.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
install(FILES ${COMPLETIONS}/ambit.bash RENAME ambit COMPONENT program
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${COMPLETIONS}/_ambit COMPONENT program
  DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${COMPLETIONS}/ambit.fish COMPONENT program
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(DIRECTORY editors/vim/ COMPONENT program
  DESTINATION ${CMAKE_INSTALL_DATADIR}/vim/vimfiles)
install(FILES editors/metta.tmLanguage.json COMPONENT program
  DESTINATION ${CMAKE_INSTALL_DATADIR}/ambit)
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs COMPONENT program
  FILES_MATCHING PATTERN "*.md")
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT licence)

install(TARGETS libambit_so LIBRARY COMPONENT library NAMELINK_COMPONENT development)
install(TARGETS libambit_a ARCHIVE COMPONENT development)
install(FILES include/ambit.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(FILES ${LIBRARY_MANUAL} DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 COMPONENT development)
install(FILES ${CMAKE_BINARY_DIR}/ambit.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
  COMPONENT development)

add_custom_target(uninstall COMMAND ${CMAKE_COMMAND}
  -DMANIFEST=${CMAKE_BINARY_DIR}/install_manifest.txt
  -P ${CMAKE_SOURCE_DIR}/packaging/uninstall.cmake)
