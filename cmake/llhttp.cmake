# llhttp 9.2 or newer: the system's where it has one, else the copy that scripts/fetch-llhttp.sh unpacks below
# build/llhttp, shared by all presets. Older versions let a bare CR smuggle a header, so the build refuses them.
set(llhttp_dir ${CMAKE_SOURCE_DIR}/build/llhttp)

# Looks for the header, the static library and their version; HINTS come before the system's own folders.
macro(llhttp_find)
    unset(LLHTTP_INCLUDE CACHE)
    unset(LLHTTP_LIBRARY CACHE)
    find_path(LLHTTP_INCLUDE llhttp.h HINTS ${llhttp_dir}/usr/include)
    find_library(LLHTTP_LIBRARY libllhttp.a HINTS ${llhttp_dir}/usr/lib
        PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE} x86_64-linux-gnu aarch64-linux-gnu)
    set(llhttp_version 0)
    if(LLHTTP_INCLUDE AND LLHTTP_LIBRARY)
        file(STRINGS ${LLHTTP_INCLUDE}/llhttp.h llhttp_version_lines REGEX "define LLHTTP_VERSION_(MAJOR|MINOR)")
        string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*" "\\1.\\2" llhttp_version "${llhttp_version_lines}")
    endif()
endmacro()

llhttp_find()
if(llhttp_version VERSION_LESS 9.2)
    execute_process(COMMAND ${CMAKE_SOURCE_DIR}/scripts/fetch-llhttp.sh ${llhttp_dir} RESULT_VARIABLE llhttp_fetched)
    if(NOT llhttp_fetched EQUAL 0)
        message(FATAL_ERROR "llhttp could not be had: see the message above")
    endif()
    llhttp_find()
    if(llhttp_version VERSION_LESS 9.2)
        message(FATAL_ERROR "llhttp ${llhttp_version} is too old: weir needs 9.2 or newer")
    endif()
endif()
message(STATUS "llhttp ${llhttp_version}: ${LLHTTP_LIBRARY}")

add_library(llhttp::llhttp_static STATIC IMPORTED)
set_target_properties(llhttp::llhttp_static PROPERTIES IMPORTED_LOCATION ${LLHTTP_LIBRARY})
target_include_directories(llhttp::llhttp_static SYSTEM INTERFACE ${LLHTTP_INCLUDE})
