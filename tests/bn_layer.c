/* A right layer for exported tests in C; REAL is the type of its numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct bn {
    size_t channels, outer, inner;
    double eps, momentum;
    REAL *gamma, *beta, *mean, *var, *x_hat, *inv_std;
    int training;
};

static REAL *copy(const REAL *values, size_t count)
{
    return memcpy(malloc(count * sizeof *values), values, count * sizeof *values);
}

struct bn *bn_new(size_t channels, const REAL *gamma, const REAL *beta, const REAL *running_mean, const REAL *running_var,
                  double eps, double momentum)
{
    struct bn *layer = calloc(1, sizeof *layer);
    layer->channels = channels;
    layer->eps = eps;
    layer->momentum = momentum;
    layer->gamma = copy(gamma, channels);
    layer->beta = copy(beta, channels);
    layer->mean = copy(running_mean, channels);
    layer->var = copy(running_var, channels);
    layer->inv_std = copy(gamma, channels);
    return layer;
}

static size_t place(const struct bn *layer, size_t channel, size_t at)
{
    return (at / layer->inner * layer->channels + channel) * layer->inner + at % layer->inner;
}

void bn_forward(struct bn *layer, int training, size_t outer, size_t inner, const REAL *x, REAL *y)
{
    size_t c, i, m = outer * inner;
    layer->outer = outer;
    layer->inner = inner;
    layer->training = training;
    free(layer->x_hat);
    layer->x_hat = copy(x, layer->channels * m);
    for (c = 0; c < layer->channels; c++) {
        double mean = layer->mean[c], var = layer->var[c];
        if (training) {
            mean = var = 0;
            for (i = 0; i < m; i++)
                mean += x[place(layer, c, i)] / (double)m;
            for (i = 0; i < m; i++)
                var += (x[place(layer, c, i)] - mean) * (x[place(layer, c, i)] - mean) / (double)m;
            layer->mean[c] = (REAL)(layer->mean[c] + layer->momentum * (mean - layer->mean[c]));
            layer->var[c] = (REAL)(layer->var[c] + layer->momentum * (var * m / (m - 1.0) - layer->var[c]));
        }
        layer->inv_std[c] = (REAL)(1 / sqrt(var + layer->eps));
        for (i = 0; i < m; i++) {
            size_t at = place(layer, c, i);
            layer->x_hat[at] = (REAL)((x[at] - mean) / sqrt(var + layer->eps));
            y[at] = layer->gamma[c] * layer->x_hat[at] + layer->beta[c];
        }
    }
}

void bn_backward(struct bn *layer, size_t outer, size_t inner, const REAL *dy, REAL *dx, REAL *dgamma, REAL *dbeta)
{
    size_t c, i, m = outer * inner;
    for (c = 0; c < layer->channels; c++) {
        double sum = 0, along = 0;
        for (i = 0; i < m; i++) {
            sum += dy[place(layer, c, i)];
            along += dy[place(layer, c, i)] * layer->x_hat[place(layer, c, i)];
        }
        dbeta[c] = (REAL)sum;
        dgamma[c] = (REAL)along;
        for (i = 0; i < m; i++) {
            size_t at = place(layer, c, i);
            double left = layer->training ? dy[at] - sum / m - layer->x_hat[at] * along / m : dy[at];
            dx[at] = (REAL)(layer->gamma[c] * layer->inv_std[c] * left);
        }
    }
}

void bn_running(const struct bn *layer, REAL *mean, REAL *var)
{
    memcpy(mean, layer->mean, layer->channels * sizeof *mean);
    memcpy(var, layer->var, layer->channels * sizeof *var);
}
