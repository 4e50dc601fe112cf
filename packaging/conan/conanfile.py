# conan create packaging/conan
import os

from conan import ConanFile
from conan.tools.files import copy


class Gamutmlp(ConanFile):
    name = "gamutmlp"
    version = "0.4.0"
    license = "MIT"
    description = "Wide gamut and HDR in an ordinary sRGB file, by a small network: one C header"
    topics = ("color", "gamut", "hdr", "jpeg", "png", "header-only")
    package_type = "header-library"
    no_copy_source = True

    def export_sources(self):
        top = os.path.join(self.recipe_folder, "..", "..")
        for name in ("gamutmlp.h", "gamutmlp_cuda.cu", "shaders/gamutmlp_decode.*", "shaders/README.md", "LICENSE"):
            copy(self, name, top, self.export_sources_folder)

    def package(self):
        copy(self, "gamutmlp.h", self.source_folder, os.path.join(self.package_folder, "include"))
        for name in ("gamutmlp_cuda.cu", "shaders/*"):
            copy(self, name, self.source_folder, os.path.join(self.package_folder, "share", "gamutmlp"))
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))

    def package_id(self):
        self.info.clear()

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "gamutmlp")
        self.cpp_info.set_property("cmake_target_name", "gamutmlp::gamutmlp")
        self.cpp_info.set_property("pkg_config_name", "gamutmlp")
