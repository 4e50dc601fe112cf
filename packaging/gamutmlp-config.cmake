# gamutmlp::gamutmlp   the header; one source of yours defines GAMUTMLP_IMPLEMENTATION before it includes it
# gamutmlp::cuda       the companion for NVIDIA GPUs, compiled in your project, which has enabled the language CUDA
# gamutmlp::tool       the command-line tool, where it is installed beside
#
# The same file serves the installed package (PREFIX/share/cmake/gamutmlp) and the source (packaging).
if(EXISTS "${CMAKE_CURRENT_LIST_DIR}/../gamutmlp.h")
    get_filename_component(gamutmlp_include "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
    set(gamutmlp_cuda "${gamutmlp_include}/gamutmlp_cuda.cu")
else()
    get_filename_component(gamutmlp_prefix "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE) # in PREFIX/share/gamutmlp: vcpkg
    if(NOT EXISTS "${gamutmlp_prefix}/include/gamutmlp.h")
        get_filename_component(gamutmlp_prefix "${gamutmlp_prefix}/.." ABSOLUTE)
    endif()
    set(gamutmlp_include "${gamutmlp_prefix}/include")
    set(gamutmlp_cuda "${gamutmlp_prefix}/share/gamutmlp/gamutmlp_cuda.cu")
endif()

if(NOT TARGET gamutmlp::gamutmlp)
    add_library(gamutmlp::gamutmlp INTERFACE IMPORTED GLOBAL)
    set_target_properties(gamutmlp::gamutmlp PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${gamutmlp_include}")
    add_library(gamutmlp::cuda INTERFACE IMPORTED GLOBAL)
    set_target_properties(gamutmlp::cuda PROPERTIES
        INTERFACE_SOURCES "${gamutmlp_cuda}" INTERFACE_LINK_LIBRARIES gamutmlp::gamutmlp)
    if(gamutmlp_prefix AND EXISTS "${gamutmlp_prefix}/bin/gamutmlp")
        add_executable(gamutmlp::tool IMPORTED GLOBAL)
        set_target_properties(gamutmlp::tool PROPERTIES IMPORTED_LOCATION "${gamutmlp_prefix}/bin/gamutmlp")
    endif()
endif()
foreach(gamutmlp_component IN LISTS gamutmlp_FIND_COMPONENTS) # the targets' names
    if(gamutmlp_FIND_REQUIRED_${gamutmlp_component} AND NOT TARGET gamutmlp::${gamutmlp_component})
        set(gamutmlp_FOUND FALSE)
        set(gamutmlp_NOT_FOUND_MESSAGE "There is no gamutmlp::${gamutmlp_component}.")
    endif()
endforeach()
unset(gamutmlp_component)
unset(gamutmlp_include)
unset(gamutmlp_prefix)
unset(gamutmlp_cuda)
