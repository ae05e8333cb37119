/* BatchNorms as people write them in C: right ones under several interfaces, and ones that do with memory what they should not. */
#include <math.h>

#define AT(n, c, s) (((long)(n) * C + (c)) * S + (s))
#define EACH(n, s) for (int n = 0; n < N; n++) for (int s = 0; s < S; s++)

#define DEFINE(T, NAME)                                                                                                         \
    static void statistics_##NAME(const T *x, int N, int C, int S, int c, double *mean, double *var) {                         \
        double m = (double)N * S, sum = 0, left = 0, squares = 0;                                                               \
        EACH(n, s) sum += x[AT(n, c, s)];                                                                                       \
        EACH(n, s) left += x[AT(n, c, s)] - sum / m;                                                                            \
        *mean = sum / m + left / m;                                                                                             \
        EACH(n, s) squares += (x[AT(n, c, s)] - *mean) * (x[AT(n, c, s)] - *mean);                                              \
        *var = squares / m;                                                                                                     \
    }                                                                                                                           \
    void infer_##NAME(const T *x, T *y, const T *gamma, const T *beta, const T *mean, const T *var, int N, int C, int S, T eps) { \
        for (int c = 0; c < C; c++) EACH(n, s) y[AT(n, c, s)] = (x[AT(n, c, s)] - (double)mean[c]) / sqrt((double)var[c] + eps) * gamma[c] + beta[c]; \
    }                                                                                                                           \
    void train_##NAME(const T *x, T *y, const T *gamma, const T *beta, T *rm, T *rv, T *save_mean, T *save_inv_std, int N, int C, \
                      int S, T eps, T momentum) {                                                                               \
        for (int c = 0; c < C; c++) {                                                                                           \
            double mean, var;                                                                                                   \
            statistics_##NAME(x, N, C, S, c, &mean, &var);                                                                      \
            rm[c] = (1 - momentum) * rm[c] + momentum * mean;                                                                   \
            rv[c] = (1 - momentum) * rv[c] + momentum * var;                                                                    \
            save_mean[c] = mean;                                                                                                \
            save_inv_std[c] = 1 / sqrt(var + eps);                                                                              \
            EACH(n, s) y[AT(n, c, s)] = (x[AT(n, c, s)] - mean) / sqrt(var + eps) * gamma[c] + beta[c];                         \
        }                                                                                                                       \
    }                                                                                                                           \
    void both_##NAME(const T *x, T *y, const T *gamma, const T *beta, T *rm, T *rv, int N, int C, int S, T eps, T momentum,     \
                     int training) {                                                                                            \
        T saved[2][4096];                                                                                                       \
        if (training) train_##NAME(x, y, gamma, beta, rm, rv, saved[0], saved[1], N, C, S, eps, momentum);                      \
        else infer_##NAME(x, y, gamma, beta, rm, rv, N, C, S, eps);                                                             \
    }                                                                                                                           \
    int backward_##NAME(const T *x, const T *dy, const T *gamma, const T *mean, const T *inv_std, T *dx, T *dgamma, T *dbeta,   \
                        long N, long C, long S) {                                                                               \
        for (long c = 0; c < C; c++) {                                                                                          \
            double of_gamma = 0, of_beta = 0, m = (double)N * S;                                                                \
            EACH(n, s) of_gamma += dy[AT(n, c, s)] * ((x[AT(n, c, s)] - (double)mean[c]) * inv_std[c]);                         \
            EACH(n, s) of_beta += dy[AT(n, c, s)];                                                                              \
            dgamma[c] = of_gamma;                                                                                               \
            dbeta[c] = of_beta;                                                                                                 \
            EACH(n, s) {                                                                                                        \
                double x_hat = (x[AT(n, c, s)] - (double)mean[c]) * inv_std[c];                                                 \
                dx[AT(n, c, s)] = (double)gamma[c] * inv_std[c] * (dy[AT(n, c, s)] - (of_beta + x_hat * of_gamma) / m);         \
            }                                                                                                                   \
        }                                                                                                                       \
        return 0;                                                                                                               \
    }

DEFINE(float, f32)
DEFINE(double, f64)

#define SHAPE const float *x, float *y, const float *gamma, const float *beta, int N, int C, int S, float eps

static void normalize(SHAPE) {
    for (int c = 0; c < C; c++) {
        double mean, var;
        statistics_f32(x, N, C, S, c, &mean, &var);
        EACH(n, s) y[AT(n, c, s)] = (x[AT(n, c, s)] - mean) / sqrt(var + eps) * gamma[c] + beta[c];
    }
}

void in_place(float *x, const float *gamma, const float *beta, int N, int C, int S, float eps) { normalize(x, x, gamma, beta, N, C, S, eps); }

void without_state(SHAPE) { normalize(x, y, gamma, beta, N, C, S, eps); }

void for_16_by_3(const float *x, float *y, const float *gamma, const float *beta) { normalize(x, y, gamma, beta, 16, 3, 1, 1e-3f); }

void channels_last(const float *x, float *y, const float *gamma, const float *beta, int M, int C, float eps) {
    for (int c = 0; c < C; c++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < M; i++) sum += x[i * C + c];
        for (int i = 0; i < M; i++) squares += (x[i * C + c] - sum / M) * (x[i * C + c] - sum / M);
        for (int i = 0; i < M; i++) y[i * C + c] = (x[i * C + c] - sum / M) / sqrt(squares / M + eps) * gamma[c] + beta[c];
    }
}

void one_too_many(SHAPE) { normalize(x, y, gamma, beta, N, C, S, eps); y[N * C * S] = 1; }

void one_before(SHAPE) { normalize(x, y, gamma, beta, N, C, S, eps); y[-1] = 1; }

void writes_gamma(SHAPE) { normalize(x, y, gamma, beta, N, C, S, eps); ((float *)gamma)[0] += 1; }

void forgets_one(SHAPE) { float last = y[N * C * S - 1]; normalize(x, y, gamma, beta, N, C, S, eps); y[N * C * S - 1] = last; }

int says_no(SHAPE) { normalize(x, y, gamma, beta, N, C, S, eps); return N == 2 ? 7 : 0; }
