# The compiler and linker flags that all of weir's own code shares: the interface target weir_flags.
# Options: WEIR_WERROR, WEIR_SANITIZE, WEIR_LTO; the presets set them.
include(CheckCCompilerFlag)

option(WEIR_WERROR "treat warnings as errors" ON)
option(WEIR_LTO "optimise across files when linking" OFF)
set(WEIR_SANITIZE "" CACHE STRING "sanitizers for -fsanitize=, such as address,undefined or thread")

# Assertions stay in every build: the impossible ends the process instead of going on with wrong data.
foreach(build_type RELEASE RELWITHDEBINFO MINSIZEREL)
    string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_${build_type} "${CMAKE_C_FLAGS_${build_type}}")
endforeach()

add_library(weir_flags INTERFACE)
target_include_directories(weir_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_definitions(weir_flags INTERFACE _GNU_SOURCE)
target_compile_options(weir_flags INTERFACE -Wall -Wextra -Wshadow -Wpointer-arith
    -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wundef)
# Mistakes in every C dialect; newer compilers refuse them by themselves.
target_compile_options(weir_flags INTERFACE -Werror=incompatible-pointer-types -Werror=int-conversion
    -Werror=implicit-function-declaration -Werror=return-type)
if(WEIR_WERROR)
    target_compile_options(weir_flags INTERFACE -Werror)
endif()

# Position-independent executable. Said here and not by CMAKE_POSITION_INDEPENDENT_CODE, which would compile the libraries
# with -fPIC and so keep the compiler from inlining exported functions within a file.
target_compile_options(weir_flags INTERFACE -fPIE)
target_link_options(weir_flags INTERFACE -pie)
# Calls into shared libraries without a stop in the procedure linkage table: all are bound at start anyway (-z now).
target_compile_options(weir_flags INTERFACE -fno-plt)

if(WEIR_SANITIZE)
    target_compile_options(weir_flags INTERFACE -fsanitize=${WEIR_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    target_link_options(weir_flags INTERFACE -fsanitize=${WEIR_SANITIZE})
else()
    # Hardening. The sanitizers bring stronger checks of their own, which some of these flags would hide.
    target_compile_options(weir_flags INTERFACE -fstack-protector-strong)
    foreach(flag -fstack-clash-protection -fcf-protection=full -mbranch-protection=standard)
        string(MAKE_C_IDENTIFIER "WEIR_HAS${flag}" has_flag)
        check_c_compiler_flag("-Werror ${flag}" ${has_flag})
        if(${has_flag})
            target_compile_options(weir_flags INTERFACE ${flag})
        endif()
    endforeach()
    if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug") # without optimisation it does nothing but warn
        target_compile_options(weir_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
    endif()
    target_link_options(weir_flags INTERFACE LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack)
endif()

if(WEIR_LTO)
    include(CheckIPOSupported)
    check_ipo_supported(RESULT lto_works OUTPUT lto_output LANGUAGES C)
    if(lto_works)
        set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
        # Ordinary code beside what the linker optimises: programs of the tests link that, in a tenth of the time.
        target_compile_options(weir_flags INTERFACE -ffat-lto-objects)
    else()
        message(STATUS "no link-time optimisation: ${lto_output}")
    endif()
endif()
