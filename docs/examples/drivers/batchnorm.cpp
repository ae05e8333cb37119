// A BatchNorm in C++, and the driver through which bnspec asks it; docs/protocol.md has the messages.
//
//     c++ -std=c++17 -O2 -o batchnorm batchnorm.cpp
//     bnspec check ./batchnorm
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

using Values = std::vector<double>;

struct Unsupported : std::runtime_error { using std::runtime_error::runtime_error; };

// x is x[n][c][s], its values one after the other. Computes in double and keeps float where x is float. momentum weighs the new
// batch; the running variance is the unbiased one.
struct BatchNorm {
    size_t channels;
    bool single;
    double eps = 1e-5, momentum = 0.1;
    std::map<std::string, Values> state{{"gamma", Values(channels, 1)}, {"beta", Values(channels, 0)},
                                        {"running_mean", Values(channels, 0)}, {"running_var", Values(channels, 1)}};
    Values x_hat{}, inv_std{};  // of the latest forward, for backward
    size_t spatial = 1;
    bool trained = false;

    double kept(double value) const { return single ? float(value) : value; }

    template <typename F>
    void each(size_t size, size_t c, F visit) const {
        for (size_t start = c * spatial; start < size; start += channels * spatial)
            for (size_t at = start; at < start + spatial; at++) visit(at);
    }

    Values forward(const Values& x, size_t positions, bool training) {
        Values y(x.size());
        const double m = double(x.size()) / channels;
        if (training && m == 0) throw std::invalid_argument("a batch of no values has no mean");
        x_hat.assign(x.size(), 0), inv_std.assign(channels, 0), spatial = positions, trained = training;
        for (size_t c = 0; c < channels; c++) {
            double &running_mean = state["running_mean"][c], &running_var = state["running_var"][c];
            double mean = running_mean, var = running_var;
            if (training) {
                double sum = 0, left = 0, squares = 0;
                each(x.size(), c, [&](size_t at) { sum += x[at]; });
                each(x.size(), c, [&](size_t at) { left += x[at] - sum / m; });
                mean = sum / m + left / m;  // the second sum has what rounding took from the first
                each(x.size(), c, [&](size_t at) { squares += (x[at] - mean) * (x[at] - mean); });
                var = squares / m;
                running_mean = kept((1 - momentum) * running_mean + momentum * mean);
                running_var = kept((1 - momentum) * running_var + momentum * squares / (m > 1 ? m - 1 : 1));
            }
            inv_std[c] = 1 / std::sqrt(var + eps);
            const double gamma = state["gamma"][c], beta = state["beta"][c];
            each(x.size(), c, [&](size_t at) { y[at] = gamma * (x_hat[at] = (x[at] - mean) * inv_std[c]) + beta; });
        }
        return y;
    }

    Values backward(const Values& dy, Values& dgamma, Values& dbeta) const {
        if (dy.size() != x_hat.size()) throw std::invalid_argument("dy has another size than x had");
        const double m = double(dy.size()) / channels;
        Values dx(dy.size());
        for (size_t c = 0; c < channels; c++) {
            each(dy.size(), c, [&](size_t at) { dgamma[c] += dy[at] * x_hat[at], dbeta[c] += dy[at]; });
            const double scale = state.at("gamma")[c] * inv_std[c];
            each(dy.size(), c, [&](size_t at) {
                dx[at] = scale * (dy[at] - (trained ? (dbeta[c] + x_hat[at] * dgamma[c]) / m : 0));
            });
        }
        return dx;
    }
};

Values numbers(const std::string& dtype, const std::string& bytes) {
    const float* floats = reinterpret_cast<const float*>(bytes.data());
    const double* doubles = reinterpret_cast<const double*>(bytes.data());
    if (dtype == "f4") return Values(floats, floats + bytes.size() / 4);
    return dtype == "f8" ? Values(doubles, doubles + bytes.size() / 8) : Values();
}

std::string bytes(const Values& values, bool single) {
    const std::vector<float> floats(values.begin(), values.end());
    const char* first = single ? reinterpret_cast<const char*>(floats.data()) : reinterpret_cast<const char*>(values.data());
    return std::string(first, values.size() * (single ? 4 : 8));
}

size_t product(const std::string& sizes, int from_axis = 0) {
    size_t product = 1;
    std::string size;
    for (std::istringstream all(sizes); std::getline(all, size, ','); from_axis--)
        if (from_axis <= 0) product *= std::stoull(size);
    return product;
}

using Words = std::map<std::string, std::string>;

std::string hello(Words& words) {
    if (words["protocol"] != "1") throw std::invalid_argument("this driver speaks protocol 1");
    return " protocol=1 backward=1 running=1 copy=0 save=0";
}

BatchNorm layer_of(Words& words, const std::map<std::string, Values>& arrays) {
    if (words["axis"] != "1" || (words["dtype"] != "f4" && words["dtype"] != "f8")) throw Unsupported("f4, f8, axis 1");
    BatchNorm layer{std::stoull(words["channels"]), words["dtype"] == "f4"};
    if (words.count("eps")) layer.eps = std::stod(words["eps"]);
    if (words.count("momentum")) layer.momentum = std::stod(words["momentum"]);
    for (const auto& [name, values] : arrays) layer.state[name] = values;
    return layer;
}

BatchNorm& found(std::map<std::string, BatchNorm>& layers, const std::string& number) {
    if (!layers.count(number)) throw std::invalid_argument("there is no layer " + number);
    return layers.at(number);
}

// The protocol.
int main() {
    std::ifstream in("/dev/fd/" + std::string(std::getenv("BNSPEC_IN")), std::ios::binary);
    std::ofstream out("/dev/fd/" + std::string(std::getenv("BNSPEC_OUT")), std::ios::binary);
    std::map<std::string, BatchNorm> layers;
    for (std::string line, word, op; op != "stop" && std::getline(in, line);) {
        Words words, sizes;
        std::map<std::string, Values> arrays;
        for (std::istringstream all(line); all >> word;) {
            const std::string name = word.substr(0, word.find_first_of("=:")), rest = word.substr(name.size() + 1);
            if (word[name.size()] == '=') { words[name] = rest; continue; }
            const std::string dtype = rest.substr(0, rest.find(':'));
            sizes[name] = rest.substr(dtype.size() + 1);
            std::string payload(product(sizes[name]) * (dtype.back() - '0'), 0);  // u1, f2, bf2, f4: the width is last
            in.read(&payload[0], payload.size());
            arrays[name] = numbers(dtype, payload);
        }
        std::string reply = "ok=1", payload;
        try {
            if ((op = words["op"]) == "start") reply += hello(words);
            else if (op == "layer") layers.erase(words["layer"]), layers.emplace(words["layer"], layer_of(words, arrays));
            else if (op == "forward" || op == "backward" || op == "running") {
                BatchNorm& layer = found(layers, words["layer"]);
                const auto add = [&](const char* name, const std::string& shape, const Values& values) {
                    reply += name + std::string(layer.single ? ":f4:" : ":f8:") + shape, payload += bytes(values, layer.single);
                };
                const std::string C = std::to_string(layer.channels);
                Values dgamma(layer.channels), dbeta(layer.channels);
                if (op == "running") add(" mean", C, layer.state["running_mean"]), add(" var", C, layer.state["running_var"]);
                const bool training = words["training"] == "1";
                if (op == "forward") add(" y", sizes["x"], layer.forward(arrays["x"], product(sizes["x"], 2), training));
                if (op == "backward") add(" dx", sizes["dy"], layer.backward(arrays["dy"], dgamma, dbeta));
                if (op == "backward") add(" dgamma", C, dgamma), add(" dbeta", C, dbeta);
            } else if (op != "stop") throw Unsupported(op + " is not offered");
        } catch (const std::exception& trouble) {
            const char* kind = dynamic_cast<const Unsupported*>(&trouble) ? "unsupported" : "error";
            reply = "ok=0 kind=" + std::string(kind) + " text:u1:" + std::to_string((payload = trouble.what()).size());
        }
        out << "id=" << words["id"] << " " << reply << "\n" << payload << std::flush;
    }
}
