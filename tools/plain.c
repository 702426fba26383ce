/* The training of pair 06 in plain C: what a step costs without any framework.

   The 61 weights stand in one vector, in the order of utils/reference.py: kernel (2, 4) and bias
   of dense1, kernel (4, 8) and bias of dense2, kernel (8, 1) and bias of dense3. */
#include <math.h>
#include <stdint.h>

enum { KERNEL1 = 0, BIAS1 = 8, KERNEL2 = 12, BIAS2 = 44, KERNEL3 = 52, BIAS3 = 60, WEIGHTS = 61 };
enum { BATCH = 20 };

static float forward(const float *weights, const float *point, float *hidden1, float *hidden2)
{
    for (int j = 0; j < 4; j++) {
        float sum = weights[BIAS1 + j];
        sum += point[0] * weights[KERNEL1 + j] + point[1] * weights[KERNEL1 + 4 + j];
        hidden1[j] = sum > 0 ? sum : 0;
    }
    for (int j = 0; j < 8; j++) {
        float sum = weights[BIAS2 + j];
        for (int i = 0; i < 4; i++)
            sum += hidden1[i] * weights[KERNEL2 + 8 * i + j];
        hidden2[j] = sum > 0 ? sum : 0;
    }
    float logit = weights[BIAS3];
    for (int j = 0; j < 8; j++)
        logit += hidden2[j] * weights[KERNEL3 + j];
    return logit;
}

/* Add one point's part of the gradient of the mean loss. */
static void backward(const float *weights, const float *point, float label, float *gradient)
{
    float hidden1[4], hidden2[8], at1[4] = {0};
    float logit = forward(weights, point, hidden1, hidden2);
    float at3 = (1 / (1 + expf(-logit)) - label) / BATCH;
    gradient[BIAS3] += at3;
    for (int j = 0; j < 8; j++) {
        float at2 = hidden2[j] > 0 ? at3 * weights[KERNEL3 + j] : 0;
        gradient[KERNEL3 + j] += at3 * hidden2[j];
        gradient[BIAS2 + j] += at2;
        for (int i = 0; i < 4; i++) {
            gradient[KERNEL2 + 8 * i + j] += hidden1[i] * at2;
            at1[i] += weights[KERNEL2 + 8 * i + j] * at2;
        }
    }
    for (int i = 0; i < 4; i++) {
        float at = hidden1[i] > 0 ? at1[i] : 0;
        gradient[BIAS1 + i] += at;
        gradient[KERNEL1 + i] += point[0] * at;
        gradient[KERNEL1 + 4 + i] += point[1] * at;
    }
}

/* Take an epoch of steps; `rows` holds BATCH row numbers a step, `corrections` Adam's two. */
void train(float *weights, float *mean, float *square, const float *points, const float *labels,
           const int64_t *rows, const float *corrections, int steps, float rate, float epsilon)
{
    for (int step = 0; step < steps; step++, rows += BATCH, corrections += 2) {
        float gradient[WEIGHTS] = {0};
        for (int k = 0; k < BATCH; k++)
            backward(weights, points + 2 * rows[k], labels[rows[k]], gradient);
        for (int k = 0; k < WEIGHTS; k++) {
            mean[k] = 0.9f * mean[k] + 0.1f * gradient[k];
            square[k] = 0.999f * square[k] + 0.001f * gradient[k] * gradient[k];
            float root = sqrtf(square[k] / corrections[1]);
            weights[k] -= rate / corrections[0] * mean[k] / (root + epsilon);
        }
    }
}

double valid_loss(const float *weights, const float *points, const float *labels, int count)
{
    double sum = 0;
    float hidden1[4], hidden2[8];
    for (int row = 0; row < count; row++) {
        float logit = forward(weights, points + 2 * row, hidden1, hidden2);
        sum += (logit > 0 ? logit : 0) - logit * labels[row] + log1pf(expf(-fabsf(logit)));
    }
    return sum / count;
}
