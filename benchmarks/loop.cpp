// A hand-written loop over the equations of models/spiking_dfa.py, on one thread, in float32. It shares
// no code with apical and no Brian2, and so serves twice: as what can be reached, and as a reference.
//
//   input   phase' = rate_i                           spike: phase >= 1, phase -= 1, x += 1
//           rate_i = rate * pixel_i * total / sum(pixels)
//   form=trial (perfect integrators, everything but the phases reset before each image)
//     LIF   v += dt*(I + bias)/tau_m, then I decays   spike: v > 1, v -= 1, x += 1
//           (Brian2's exponential_euler: I before its decay of this step)
//     error v' = -side*target*label_k                 spike: v > 1, v -= 1; side = +1, -1
//     learn once after the image: w += lr*eta*x_pre*gain_post*teach_post; x counts spikes,
//           teach sums the feedback of the image; gain = (x > 0) in the hidden, 1 in the output layer
//   form=online (leaky, never reset, no boundary between images)
//     LIF   tau_m v' = I + bias - v, tau_s I' = -I, tau_x x' = -x     (exact over a step)
//     input tau_x x' = -x                                             (Euler)
//     error v' = -side*target*shown_k - v/tau, where the label arrives through two low-passes,
//           tau_l shown' = halfway - shown, tau_l halfway' = label_k - halfway   (Euler, old values)
//     learn the same change of w, in every step in which an error neuron spikes; teach is the
//           feedback of that step alone; gain = (x > 0.1) in the hidden, 1 in the output layer;
//           every step begins with x = 0 where x <= x_floor
//   In a step: states; thresholds; spikes arrive (I_post += w; output k: E+_k += 1, E-_k -= 1; E+_k:
//   E-_k += 1 and the other way round; E+_k: teach -= B_k, E-_k: teach += B_k; output k hears
//   its own errors with B = 1); online learning; resets.
//
// Build: g++ -O3 -march=native -std=c++17 loop.cpp -o loop
// Use:   ./loop images=FILE labels=FILE [name=value ...]; files are IDX (unpacked) or plain bytes,
//        `inputs` bytes an image, one byte a label.
//        form=trial|online inputs=784 hidden=500 trials=0 (all) epochs=1 shuffle=0 seed=0
//        tabulated=0 (1: the input spikes of an image are worked out before its first step)
//        final_rate=1 (lr falls to it linearly) rate=100 total=100 x_floor=0.05 eta_hidden=.. eta_output=..
//        test_images=FILE test_labels=FILE   accuracy with learning off, on the state after training
//        init=PREFIX save=PREFIX             float32 arrays PREFIX<name>: stimulus_to_hidden.w,
//                                            error_to_hidden.w (-B, B), stimulus.phase; saved: both
//                                            plastic .w. Weights onto the output start at 0.
// Prints one JSON object.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>
#ifdef __SSE__
#include <immintrin.h>
#endif
using std::string;
using std::vector;
typedef float Vec __attribute__((vector_size(64), may_alias));  // arrays are padded to whole Vecs

static const int WIDTH = 16, K = 10, T = 100;  // floats in a Vec; classes; steps of an image
static int padded(int n) { return (n + WIDTH - 1) / WIDTH * WIDTH; }

struct Array {  // rows of zero-filled floats, each padded to whole Vecs; lives as long as the program
  int rows, cols, n;  // n: floats in a row, padding included
  float* p;
  Array(int rows, int cols) : rows(rows), cols(cols), n(padded(cols)) {
    p = (float*)aligned_alloc(64, sizeof(float) * rows * n);
    std::fill(p, p + (size_t)rows * n, 0.f);
  }
  explicit Array(int cols) : Array(1, cols) {}
  Array(const Array&) = delete;
  float& operator[](int j) { return p[j]; }
  float* row(int i) const { return p + (size_t)i * n; }
  void fill(float value) { std::fill(p, p + cols, value); }  // of a single row; its padding stays 0
  void fade(float factor, float floor) { for (int j = 0; j < n; j++) p[j] = p[j] > floor ? factor * p[j] : 0; }
};

struct Spikes {  // indices of the neurons that spike in this step
  vector<int> id;
  int n = 0;
  explicit Spikes(int size) : id(padded(size) + WIDTH) {}
  const int* begin() const { return id.data(); }
  const int* end() const { return begin() + n; }
};

// The neurons with v > 1, or v >= 1.
template <bool OR_EQUAL> static void find_spikes(const Array& v, Spikes& out) {
  int n = 0, *id = out.id.data();
#ifdef __AVX512F__
  const __m512 one = _mm512_set1_ps(1);
  __m512i number = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (int j = 0; j < v.n; j += WIDTH) {
    const auto found = _mm512_cmp_ps_mask(_mm512_load_ps(v.p + j), one, OR_EQUAL ? _CMP_GE_OQ : _CMP_GT_OQ);
    _mm512_storeu_si512(id + n, _mm512_maskz_compress_epi32(found, number));
    n += __builtin_popcount(found);
    number = _mm512_add_epi32(number, _mm512_set1_epi32(WIDTH));
  }
#else
  for (int j = 0; j < v.n; j++) { id[n] = j; n += OR_EQUAL ? v.p[j] >= 1 : v.p[j] > 1; }
#endif
  out.n = n;
}

// current += sum of the weight rows of the spiking neurons; M Vecs of the sum stay in registers.
template <int M> static void add_columns(float* current, const Array& w, int column, const Spikes& spikes) {
  Vec sum[M];
  for (int m = 0; m < M; m++) sum[m] = ((const Vec*)(current + column))[m];
  for (int i : spikes) {
    const Vec* row = (const Vec*)(w.row(i) + column);
    for (int m = 0; m < M; m++) sum[m] += row[m];
  }
  for (int m = 0; m < M; m++) ((Vec*)(current + column))[m] = sum[m];
}
static void deliver(Array& current, const Array& w, const Spikes& spikes) {
  int j = 0;
  for (; j + 8 * WIDTH <= w.n; j += 8 * WIDTH) add_columns<8>(current.p, w, j, spikes);
  for (; j + 4 * WIDTH <= w.n; j += 4 * WIDTH) add_columns<4>(current.p, w, j, spikes);
  for (; j < w.n; j += WIDTH) add_columns<1>(current.p, w, j, spikes);
}
static void add_scaled(float* __restrict y, float a, const float* __restrict x, int n) {
  for (int j = 0; j < n; j++) y[j] += a * x[j];
}

static std::map<string, string> arguments;
static string word(const char* name, const char* standard) {
  return arguments.count(name) ? arguments[name] : standard;
}
static double number(const char* name, double standard) {
  return arguments.count(name) ? atof(arguments[name].c_str()) : standard;
}
static vector<unsigned char> bytes_of(const string& path) {  // without the header of an IDX file
  std::ifstream file(path, std::ios::binary);
  if (!file) { perror(path.c_str()); exit(1); }
  vector<unsigned char> bytes{std::istreambuf_iterator<char>(file), {}};
  const unsigned char magic[3] = {0, 0, 8};  // unsigned bytes; then the number of dimensions
  if (bytes.size() > 8 && !memcmp(bytes.data(), magic, 3) && (bytes[3] == 1 || bytes[3] == 3))
    bytes.erase(bytes.begin(), bytes.begin() + 4 + 4 * bytes[3]);
  return bytes;
}
static void read_rows(const string& path, Array& a) {
  const auto bytes = bytes_of(path);
  const size_t row = sizeof(float) * a.cols;
  if (bytes.size() != row * a.rows) { fprintf(stderr, "%s: wrong size\n", path.c_str()); exit(1); }
  for (int i = 0; i < a.rows; i++) memcpy(a.row(i), &bytes[row * i], row);
}
static void write_rows(const string& path, const Array& a) {
  std::ofstream file(path, std::ios::binary);
  for (int i = 0; i < a.rows; i++) file.write((const char*)a.row(i), sizeof(float) * a.cols);
}

static const float TAU_M = 20, TAU_S = 5, TAU_X = 30, TAU_ERROR = 50, TAU_LABEL = 10;  // [ms]; dt = 1 ms
static const float TARGET = .1;  // spikes per ms that the label asks of its class

struct Layer {  // LIF neurons, and the plastic weights onto them
  int size;
  Array w, v, I, x, teach, delta;
  float drive, decay_v, decay_I, gain_I;
  Spikes spikes;
  Layer(int inputs, int n, float bias, bool leak)
      : size(n), w(inputs, n), v(n), I(n), x(n), teach(n), delta(n), spikes(n) {
    decay_I = expf(-1 / TAU_S);
    decay_v = leak ? expf(-1 / TAU_M) : 1;
    drive = bias * (leak ? 1 - decay_v : 1 / TAU_M);
    gain_I = leak ? TAU_S / (TAU_M - TAU_S) * (decay_v - decay_I) : 1 / TAU_M;
  }
  void integrate() {
    for (int j = 0; j < v.n; j++) {
      v[j] = v[j] * decay_v + drive + I[j] * gain_I;
      I[j] *= decay_I;
    }
    for (int j = size; j < v.n; j++) v[j] = 0;  // the padding never spikes
  }
  void rest() { v.fill(.5); I.fill(0); x.fill(0); teach.fill(0); }
  // w += rate * x_pre * gain * teach, where gain = (x > least)
  void learn(Array& x_pre, float rate, float least) {
    for (int j = 0; j < size; j++) delta[j] = x[j] > least ? rate * teach[j] : 0;
    for (int i = 0; i < x_pre.cols; i++)
      if (x_pre[i] != 0) add_scaled(w.row(i), x_pre[i], delta.p, w.n);
  }
};

struct Network {
  const bool online = word("form", "trial") == "online";
  const bool tabulated = number("tabulated", 0) != 0;
  vector<int> active, table, listed;  // inputs that are not silent; those that spike, by step; how many
  const int inputs = number("inputs", 784), hidden = number("hidden", 500);
  const float total = number("total", 100), rate = number("rate", 100) * 1e-3f, few = 100 / total;
  const float x_floor = number("x_floor", .05);
  const float eta_hidden = number("eta_hidden", (online ? 1e-4 : 1.5e-5) * sqrt(500. / hidden) * pow(few, 1.2));
  const float eta_output = number("eta_output", online ? 2e-3 : 6e-4);
  Array phase{inputs}, drive{inputs}, x{inputs}, B{2 * K, hidden};
  Layer hid{inputs, hidden, online ? .5f : 0, online}, out{hidden, K, online ? 2.2f : 1.2f, online};
  Spikes in{inputs};
  float err[2][K] = {}, shown[K] = {}, halfway[K] = {};  // err[0]: E+, err[1]: E-
  long spikes[4] = {};                                   // of inputs, hidden, output, error neurons

  explicit Network(std::mt19937& rng) {
    if (arguments.count("init")) {
      const string init = arguments["init"];
      read_rows(init + "error_to_hidden.w", B);
      read_rows(init + "stimulus_to_hidden.w", hid.w);
      read_rows(init + "stimulus.phase", phase);
      return;
    }
    std::normal_distribution<float> normal;
    std::uniform_real_distribution<float> uniform;
    const float spread = (online ? .12f : .06f) * few;
    for (int i = 0; i < inputs; i++) for (int j = 0; j < hidden; j++) hid.w.row(i)[j] = spread * normal(rng);
    for (int k = 0; k < K; k++) for (int j = 0; j < hidden; j++) B.row(k)[j] = -(B.row(K + k)[j] = normal(rng));
    for (int i = 0; i < inputs; i++) phase[i] = uniform(rng);
  }
  // Runs the inputs that are not silent through all steps of an image, a strip at a time.
  void tabulate() {
    const int strip = 4 * WIDTH;
    active.clear();
    for (int i = 0; i < inputs; i++) if (drive[i] > 0 || phase[i] >= 1) active.push_back(i);
    const int some = active.size();
    active.resize(some + strip);
    table.resize(T * row_of_table());
    listed.assign(T, 0);
    for (int first = 0; first < some; first += strip) {
      const int n = std::min(strip, some - first), *names = &active[first];
      alignas(64) float p[strip] = {}, d[strip] = {};
      for (int j = 0; j < n; j++) { p[j] = phase[names[j]]; d[j] = drive[names[j]]; }
      for (int t = 0; t < T; t++) {
        int *list = &table[t * row_of_table()], count = listed[t];
#ifdef __AVX512F__
        const __m512 one = _mm512_set1_ps(1);
        for (int j = 0; j < strip; j += WIDTH) {
          const __m512 next = _mm512_add_ps(_mm512_load_ps(p + j), _mm512_load_ps(d + j));
          const auto found = _mm512_cmp_ps_mask(next, one, _CMP_GE_OQ);
          _mm512_store_ps(p + j, _mm512_mask_sub_ps(next, found, next, one));
          _mm512_storeu_si512(list + count, _mm512_maskz_compress_epi32(found, _mm512_loadu_si512(names + j)));
          count += __builtin_popcount(found);
        }
#else
        bool above[strip];
        for (int j = 0; j < strip; j++) { p[j] += d[j]; above[j] = p[j] >= 1; p[j] -= above[j]; }
        for (int j = 0; j < n; j++) { list[count] = names[j]; count += above[j]; }
#endif
        listed[t] = count;
      }
      for (int j = 0; j < n; j++) phase[names[j]] = p[j];
    }
  }
  int row_of_table() const { return padded(inputs) + 4 * WIDTH; }
  void integrate_errors(int label) {
    for (int k = 0; k < K; k++) {
      const float given = k == label;
      const float push = TARGET * (online ? shown[k] : given);
      for (int s = 0; s < 2; s++) err[s][k] += (s ? push : -push) - (online ? err[s][k] / TAU_ERROR : 0);
      shown[k] += (halfway[k] - shown[k]) / TAU_LABEL;
      halfway[k] += (given - halfway[k]) / TAU_LABEL;
    }
  }
  void learn(float lr) {
    hid.learn(x, lr * eta_hidden, online ? .1f : 0);
    out.learn(hid.x, lr * eta_output, -1);
  }
  // Shows one image, with its label or -1, and returns the class with the most output spikes.
  int show(const unsigned char* image, int label, float lr) {
    float sum = 0;
    for (int i = 0; i < inputs; i++) sum += image[i];
    for (int i = 0; i < inputs; i++) drive[i] = sum > 0 ? rate * total * image[i] / sum : 0;
    if (!online) { hid.rest(); out.rest(); x.fill(0); memset(err, 0, sizeof err); }
    int count[K] = {};
    if (tabulated) tabulate();
    for (int t = 0; t < T; t++) {
      if (!tabulated) for (int i = 0; i < phase.n; i++) phase[i] += drive[i];
      for (Layer* layer : {&hid, &out}) layer->integrate();
      if (online) x.fade(1 - 1 / TAU_X, x_floor);
      if (online) for (Layer* layer : {&hid, &out}) layer->x.fade(expf(-1 / TAU_X), x_floor);
      integrate_errors(label);
      if (tabulated) std::copy_n(&table[t * row_of_table()], in.n = listed[t], in.id.data());
      else find_spikes<true>(phase, in);
      for (Layer* layer : {&hid, &out}) find_spikes<false>(layer->v, layer->spikes);
      int errors = 0, error_spikes[2 * K];  // E+_k is k, E-_k is K + k
      for (int e = 0; e < 2 * K; e++) if (err[e / K][e % K] > 1) error_spikes[errors++] = e;
      deliver(hid.I, hid.w, in);
      deliver(out.I, out.w, hid.spikes);
      for (int k : out.spikes) { count[k]++; err[0][k] += 1; err[1][k] -= 1; }
      for (int n = 0; n < errors; n++) {
        const int e = error_spikes[n], side = e / K, k = e % K;
        err[1 - side][k] += 1;
        add_scaled(hid.teach.p, 1, B.row(e), B.n);
        out.teach[k] += side ? 1 : -1;
      }
      if (online && errors) {
        if (lr > 0) learn(lr);
        for (Layer* layer : {&hid, &out}) layer->teach.fill(0);
      }
      if (!tabulated) for (int i : in) phase[i] -= 1;
      for (int i : in) x[i] += 1;
      for (Layer* layer : {&hid, &out}) for (int j : layer->spikes) { layer->v[j] -= 1; layer->x[j] += 1; }
      for (int e = 0; e < errors; e++) err[error_spikes[e] / K][error_spikes[e] % K] -= 1;
      spikes[0] += in.n; spikes[1] += hid.spikes.n; spikes[2] += out.spikes.n; spikes[3] += errors;
    }
    if (!online && lr > 0) learn(lr);
    return std::max_element(count, count + K) - count;
  }
};

int main(int argc, char** argv) {
  for (int a = 1; a < argc; a++) {
    const string s = argv[a];
    const size_t equals = s.find('=');
    if (equals == string::npos) return fprintf(stderr, "%s: give name=value\n", argv[a]), 1;
    arguments[s.substr(0, equals)] = s.substr(equals + 1);
  }
#ifdef __SSE__
  _mm_setcsr(_mm_getcsr() | 0x8040);  // what has faded to a denormal number is 0
#endif
  std::mt19937 rng(1000 + (unsigned)number("seed", 0));
  Network net(rng);
  const auto images = bytes_of(word("images", "")), labels = bytes_of(word("labels", ""));
  const size_t d = net.inputs, asked = number("trials", 0), n = asked ? asked : labels.size();
  const int epochs = number("epochs", 1);
  if (n == 0 || images.size() < n * d || labels.size() < n) return fprintf(stderr, "too few images\n"), 1;
  vector<int> order(n);
  for (size_t i = 0; i < n; i++) order[i] = i;

  const float fall = 1 - number("final_rate", 1);
  double seconds = 0, done = 0;
  for (int epoch = 0; epoch < epochs; epoch++) {
    if (number("shuffle", 0)) std::shuffle(order.begin(), order.end(), rng);
    const auto start = std::chrono::steady_clock::now();
    for (int i : order) net.show(&images[i * d], labels[i], 1 - fall * done++ / (n * epochs));
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  printf("{\"ms_per_trial\": %.6f, \"seconds\": %.4f, \"trials\": %.0f, ", 1e3 * seconds / done, seconds, done);
  const char* names[4] = {"input", "hidden", "output", "error"};
  printf("\"spikes_per_trial\": {");
  for (int p = 0; p < 4; p++) printf("%s\"%s\": %.3f", p ? ", " : "", names[p], net.spikes[p] / done);
  printf("}");
  if (arguments.count("save")) {
    write_rows(arguments["save"] + "stimulus_to_hidden.w", net.hid.w);
    write_rows(arguments["save"] + "hidden_to_output.w", net.out.w);
  }
  if (arguments.count("test_images")) {
    const auto test_images = bytes_of(arguments["test_images"]), test_labels = bytes_of(word("test_labels", ""));
    long right = 0;
    for (size_t i = 0; i < test_labels.size(); i++) right += net.show(&test_images[i * d], -1, 0) == test_labels[i];
    printf(", \"test_accuracy\": %.4f", right / (double)test_labels.size());
  }
  printf("}\n");
}
