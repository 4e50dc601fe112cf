typedef struct fenv_t { unsigned int state; } fenv_t;
#ifdef __cplusplus
extern "C" {
#endif
int fegetenv(fenv_t *env);
int fesetenv(const fenv_t *env);
extern const fenv_t stub_default_env;
#ifdef __cplusplus
}
#endif
#define FE_DFL_ENV (&stub_default_env)
