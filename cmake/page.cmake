# The files of the admin listener's page as C arrays with their ETags, in generated/control/adminpage_files.h: they are in the
# binary, so nothing is installed beside it. Written when the build is planned, and again when one of them changes.
set(page_folder ${CMAKE_SOURCE_DIR}/control/page)
set(page_text "/* Made from control/page/ by cmake/page.cmake. */\n#ifndef WEIR_CONTROL_ADMINPAGE_FILES_H\n#define WEIR_CONTROL_ADMINPAGE_FILES_H\n")
foreach(suffix html css js)
    set(page_file ${page_folder}/page.${suffix})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${page_file})
    file(READ ${page_file} page_bytes HEX)
    file(SHA256 ${page_file} page_hash)
    string(SUBSTRING ${page_hash} 0 32 page_hash)
    string(REGEX REPLACE "(..)" "0x\\1," page_bytes "${page_bytes}")
    string(APPEND page_text "static const unsigned char adminpage_files_${suffix}[] = {${page_bytes}};\n"
        "static const char adminpage_files_${suffix}_etag[] = \"\\\"${page_hash}\\\"\";\n")
endforeach()
string(APPEND page_text "#endif\n")
file(WRITE ${CMAKE_BINARY_DIR}/generated/control/adminpage_files.h.new "${page_text}")
file(COPY_FILE ${CMAKE_BINARY_DIR}/generated/control/adminpage_files.h.new
    ${CMAKE_BINARY_DIR}/generated/control/adminpage_files.h ONLY_IF_DIFFERENT)
