# What `make install` lays down below the prefix. Nothing is written to /etc: the examples go to the documentation
# folder, and the unit file says where it reads the real ones from.
if(TARGET weir)
    install(TARGETS weir RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(EXISTS ${CMAKE_SOURCE_DIR}/docs/weir.1)
    install(FILES docs/weir.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
configure_file(packaging/weir.service.in ${CMAKE_BINARY_DIR}/generated/weir.service @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/generated/weir.service DESTINATION lib/systemd/system)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
install(FILES examples/table.json examples/settings.json DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
