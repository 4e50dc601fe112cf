# An overlay port of the source that it lies in: vcpkg install gamutmlp --overlay-ports=packaging/vcpkg
get_filename_component(source "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
set(VCPKG_BUILD_TYPE release) # nothing is compiled

file(INSTALL "${source}/gamutmlp.h" DESTINATION "${CURRENT_PACKAGES_DIR}/include")
file(INSTALL "${source}/gamutmlp_cuda.cu" "${source}/packaging/gamutmlp-config.cmake"
     DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
file(READ "${CMAKE_CURRENT_LIST_DIR}/vcpkg.json" about)
string(REGEX MATCH "\"version\": \"(([0-9]+)\\.([0-9]+)\\.[0-9]+)\"" found "${about}")
set(VERSION "${CMAKE_MATCH_1}")
set(MAJOR "${CMAKE_MATCH_2}")
set(MINOR "${CMAKE_MATCH_3}")
configure_file("${source}/packaging/gamutmlp-config-version.cmake.in"
               "${CURRENT_PACKAGES_DIR}/share/${PORT}/gamutmlp-config-version.cmake" @ONLY)
file(GLOB shaders "${source}/shaders/gamutmlp_decode.*")
file(INSTALL ${shaders} "${source}/shaders/README.md" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}/shaders")
file(INSTALL "${source}/LICENSE" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}" RENAME copyright)
