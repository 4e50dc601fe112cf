/* egl SHADER.frag FOLDER: draws with the fragment shader, on the files of case.c that are there, without a window, and
   compares; 77 if there is no OpenGL ES 3. */
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES3/gl3.h>
#include "compare.h"

#ifndef EGL_PLATFORM_SURFACELESS_MESA
#define EGL_PLATFORM_SURFACELESS_MESA 0x31DD
#endif

static GLuint make_shader(GLenum kind, int count, const char *const *text) {
    const GLuint shader = glCreateShader(kind);
    char said[2000];
    GLint ok;
    glShaderSource(shader, count, text, NULL);
    glCompileShader(shader);
    glGetShaderiv(shader, GL_COMPILE_STATUS, &ok);
    glGetShaderInfoLog(shader, sizeof said, NULL, said);
    if (!ok) fail(said);
    return shader;
}

static void make_texture(int unit, GLint kind, unsigned w, unsigned h, GLenum format, GLenum type, const void *texels) {
    GLuint texture;
    glGenTextures(1, &texture);
    glActiveTexture(GL_TEXTURE0 + (GLenum)unit);
    glBindTexture(GL_TEXTURE_2D, texture);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
    glTexImage2D(GL_TEXTURE_2D, 0, kind, (GLsizei)w, (GLsizei)h, 0, format, type, texels);
}

int main(int argc, char **argv) {
    static const char *const triangle = "#version 300 es\n"
        "void main() { gl_Position = vec4(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1, 0, 1); }";
    static const EGLint choice[] = {EGL_RENDERABLE_TYPE, EGL_OPENGL_ES3_BIT, EGL_SURFACE_TYPE, 0, EGL_NONE};
    static const EGLint version[] = {EGL_CONTEXT_MAJOR_VERSION, 3, EGL_CONTEXT_MINOR_VERSION, 0, EGL_NONE};
    PFNEGLGETPLATFORMDISPLAYEXTPROC display_of =
        (PFNEGLGETPLATFORMDISPLAYEXTPROC)eglGetProcAddress("eglGetPlatformDisplayEXT");
    unsigned x = 0, y = 0, turn;
    EGLDisplay display;
    EGLConfig config;
    EGLContext context;
    EGLint found = 0;
    GLuint program, target, frame;
    GLint ok;
    char *source, define[64], *version_end;
    const char *parts[3];
    void *pack, *base;
    uint32_t *got;
    size_t size;
    double ms;
    if (argc != 3) fail("SHADER.frag FOLDER");
    read_size(argv[2]);
    display = display_of ? display_of(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL) : EGL_NO_DISPLAY;
    if (display == EGL_NO_DISPLAY || !eglInitialize(display, NULL, NULL)) lacking("EGL without a window");
    if (!eglBindAPI(EGL_OPENGL_ES_API) || !eglChooseConfig(display, choice, &config, 1, &found) || !found)
        lacking("OpenGL ES 3");
    context = eglCreateContext(display, config, EGL_NO_CONTEXT, version);
    if (context == EGL_NO_CONTEXT || !eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context))
        lacking("OpenGL ES 3");
    if (!strstr((const char *)glGetString(GL_EXTENSIONS), "GL_EXT_color_buffer_float")) lacking("target of floats");

    source = read_file(NULL, argv[1], &size);
    version_end = strchr(source, '\n');
    if (!version_end) fail("the shader");
    *version_end = 0;
    snprintf(define, sizeof define, "\n#define GMLP_NEURONS %uu\n", neurons);
    parts[0] = source, parts[1] = define, parts[2] = version_end + 1;
    program = glCreateProgram();
    glAttachShader(program, make_shader(GL_VERTEX_SHADER, 1, &triangle));
    glAttachShader(program, make_shader(GL_FRAGMENT_SHADER, 3, parts));
    glLinkProgram(program);
    glGetProgramiv(program, GL_LINK_STATUS, &ok);
    if (!ok) fail("the shaders are not linked");
    glUseProgram(program);

    pack = read_file(argv[2], "pack", &size);
    make_texture(0, GL_RGBA32UI, 1024, (unsigned)((size / 16 + 1023) / 1024), GL_RGBA_INTEGER, GL_UNSIGNED_INT, pack);
    base = read_file(argv[2], "base", &size);
    make_texture(1, GL_RGBA8, width, height, GL_RGBA, GL_UNSIGNED_BYTE, base);
    glUniform1i(glGetUniformLocation(program, "pack"), 0);
    glUniform1i(glGetUniformLocation(program, "base"), 1);
    glGenRenderbuffers(1, &target);
    glBindRenderbuffer(GL_RENDERBUFFER, target);
    glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA32F, (GLsizei)width, (GLsizei)height);
    glGenFramebuffers(1, &frame);
    glBindFramebuffer(GL_FRAMEBUFFER, frame);
    glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, target);
    if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE) fail("the target");
    got = calloc((size_t)width * height, 16);
    if (!got) fail("out of memory");
    for (turn = 0; turn < 2; turn++, x = 5, y = 3) { /* the whole picture, a part */
        const unsigned w = width - x, h = height - y;
        glViewport(0, 0, (GLsizei)w, (GLsizei)h);
        glUniform2ui(glGetUniformLocation(program, "from"), x, y);
        ms = now_ms();
        glDrawArrays(GL_TRIANGLES, 0, 3);
        glFinish();
        ms = now_ms() - ms;
        if (turn) printf("# %s: %.2f megapixels a second\n", (const char *)glGetString(GL_RENDERER), w * h / ms / 1e3);
        glReadPixels(0, 0, (GLsizei)w, (GLsizei)h, GL_RGBA, GL_FLOAT, got);
        if (glGetError() != GL_NO_ERROR) fail("OpenGL reports an error");
        compare(argv[2], got, x, y, w, h);
    }
    return 0;
}
