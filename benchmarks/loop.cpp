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
//           feedback of that step alone; gain = (x > 0.1) in the hidden, 1 in the output layer
//   In a step: states; thresholds; spikes arrive (I_post += w; output k: E+_k += 1, E-_k -= 1; E+_k:
//   E-_k += 1 and the other way round; E+-_k: teach -= B_k, teach += B_k; output k hears its own error
//   with B = 1); online learning; resets.
//
// Build: g++ -O3 -march=native -std=c++17 loop.cpp -o loop
// Use:   ./loop images=FILE labels=FILE [name=value ...]; files are IDX (unpacked) or plain bytes,
//        `inputs` bytes an image, one byte a label.
//        form=trial|online inputs=784 hidden=500 trials=0 (all) epochs=1 shuffle=0 seed=0
//        final_rate=1 (lr falls to it linearly) rate=100 total=100 eta_hidden=.. eta_output=..
//        test_images=FILE test_labels=FILE   accuracy with learning off, on the state after training
//        init=PREFIX save=PREFIX             float32 arrays PREFIX<name>: stimulus_to_hidden.w,
//                                            error_to_hidden.w, stimulus.phase; saved: both plastic .w
// Prints one JSON object.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
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

static const int WIDTH = 16, K = 10;  // floats in a Vec; classes
static int padded(int n) { return (n + WIDTH - 1) / WIDTH * WIDTH; }

struct Aligned {
  float* p;
  explicit Aligned(size_t n) : p((float*)aligned_alloc(64, n * sizeof(float))) { std::fill(p, p + n, 0.f); }
  ~Aligned() { free(p); }
  Aligned(const Aligned&) = delete;
};
struct Array : Aligned {  // rows of zero-filled floats, each padded to whole Vecs
  int rows, cols, n;  // n: floats in a row, padding included
  Array(int rows, int cols) : Aligned((size_t)rows * padded(cols)), rows(rows), cols(cols), n(padded(cols)) {}
  explicit Array(int cols) : Array(1, cols) {}
  float& operator[](int j) { return p[j]; }
  float* row(int i) const { return p + (size_t)i * n; }
  void fill(float value) { std::fill(p, p + cols, value); }  // of a single row; its padding stays 0
  void scale(float factor) { for (int j = 0; j < n; j++) p[j] *= factor; }
};

struct Spikes {  // indices of the neurons that spike in this step
  vector<int> id;
  int n = 0;
  explicit Spikes(int size) : id(padded(size) + WIDTH) {}
  const int* begin() const { return id.data(); }
  const int* end() const { return id.data() + n; }
};

// The neurons with v > 1, or v >= 1.
template <bool OR_EQUAL> static void find_spikes(const Array& v, Spikes& out) {
  int n = 0, *id = out.id.data();
#ifdef __AVX512F__
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (int j = 0; j < v.n; j += WIDTH) {
    const __mmask16 m =
        _mm512_cmp_ps_mask(_mm512_load_ps(v.p + j), _mm512_set1_ps(1), OR_EQUAL ? _CMP_GE_OQ : _CMP_GT_OQ);
    if (!m) continue;
    const __m512i found = _mm512_add_epi32(lane, _mm512_set1_epi32(j));
    _mm512_storeu_si512(id + n, _mm512_maskz_compress_epi32(m, found));
    n += __builtin_popcount(m);
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
  auto found = arguments.find(name);
  return found == arguments.end() ? standard : found->second;
}
static double number(const char* name, double standard) {
  auto found = arguments.find(name);
  return found == arguments.end() ? standard : atof(found->second.c_str());
}
static FILE* opened(const string& path, const char* mode) {
  FILE* f = fopen(path.c_str(), mode);
  if (!f) { perror(path.c_str()); exit(1); }
  return f;
}
static vector<unsigned char> bytes_of(const string& path) {  // without the header of an IDX file
  FILE* f = opened(path, "rb");
  fseek(f, 0, SEEK_END);
  vector<unsigned char> bytes(ftell(f));
  rewind(f);
  if (fread(bytes.data(), 1, bytes.size(), f) != bytes.size()) exit(1);
  fclose(f);
  const unsigned char magic[3] = {0, 0, 8};  // unsigned bytes; then the number of dimensions
  if (bytes.size() > 8 && !memcmp(bytes.data(), magic, 3) && (bytes[3] == 1 || bytes[3] == 3))
    bytes.erase(bytes.begin(), bytes.begin() + 4 + 4 * bytes[3]);
  return bytes;
}
static void read_rows(const string& path, Array& a) {
  FILE* f = opened(path, "rb");
  for (int i = 0; i < a.rows; i++)
    if ((int)fread(a.row(i), sizeof(float), a.cols, f) != a.cols) { fprintf(stderr, "%s: too short\n", path.c_str()); exit(1); }
  fclose(f);
}
static void write_rows(const string& path, const Array& a) {
  FILE* f = opened(path, "wb");
  for (int i = 0; i < a.rows; i++) fwrite(a.row(i), sizeof(float), a.cols, f);
  fclose(f);
}

static const float TAU_M = 20, TAU_S = 5, TAU_X = 30, TAU_ERROR = 50, TAU_LABEL = 10;  // [ms]; dt = 1 ms
static const float TARGET = .1;  // spikes per ms that the label asks of its class
static const int T = 100;        // steps of an image

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
  void rest() {
    v.fill(.5);
    for (Array* a : {&I, &x, &teach}) a->fill(0);
  }
  // w += rate * x_pre * gain * teach, where gain = (x > least)
  void learn(Array& x_pre, float rate, float least) {
    for (int j = 0; j < size; j++) delta[j] = x[j] > least ? rate * teach[j] : 0;
    for (int i = 0; i < x_pre.cols; i++)
      if (x_pre[i] != 0) add_scaled(w.row(i), x_pre[i], delta.p, w.n);
  }
};

struct Network {
  const bool online = word("form", "trial") == "online";
  const int inputs = number("inputs", 784), hidden = number("hidden", 500);
  const float total = number("total", 100), rate = number("rate", 100) * 1e-3f, few = 100 / total;
  const float eta_hidden = number("eta_hidden", (online ? 1e-4 : 1.5e-5) * sqrt(500. / hidden) * pow(few, 1.2));
  const float eta_output = number("eta_output", online ? 2e-3 : 6e-4);
  Array phase{inputs}, drive{inputs}, x{inputs}, B{K, hidden};
  Layer hid{inputs, hidden, online ? .5f : 0, online}, out{hidden, K, online ? 2.2f : 1.2f, online};
  Spikes in{inputs};
  float err[2][K] = {}, shown[K] = {}, halfway[K] = {};  // err[0]: E+, err[1]: E-
  long spikes[4] = {};                                   // of inputs, hidden, output, error neurons

  explicit Network(std::mt19937& rng) {
    const string init = word("init", "");
    if (!init.empty()) {
      Array both{2 * K, hidden};  // -B, B
      read_rows(init + "error_to_hidden.w", both);
      for (int k = 0; k < K; k++) memcpy(B.row(k), both.row(K + k), sizeof(float) * B.n);
      read_rows(init + "stimulus_to_hidden.w", hid.w);
      read_rows(init + "stimulus.phase", phase);
      return;  // the weights onto the output start at 0
    }
    std::normal_distribution<float> normal;
    std::uniform_real_distribution<float> uniform;
    for (int i = 0; i < inputs; i++) for (int j = 0; j < hidden; j++) hid.w.row(i)[j] = (online ? .12f : .06f) * few * normal(rng);
    for (int k = 0; k < K; k++) for (int j = 0; j < hidden; j++) B.row(k)[j] = normal(rng);
    for (int i = 0; i < inputs; i++) phase[i] = uniform(rng);
  }
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
    if (!online) {
      hid.rest();
      out.rest();
      x.fill(0);
      memset(err, 0, sizeof err);
    }
    int count[K] = {};
    for (int t = 0; t < T; t++) {
      for (int i = 0; i < phase.n; i++) phase[i] += drive[i];
      hid.integrate();
      out.integrate();
      if (online) {
        x.scale(1 - 1 / TAU_X);
        hid.x.scale(expf(-1 / TAU_X));
        out.x.scale(expf(-1 / TAU_X));
      }
      integrate_errors(label);

      find_spikes<true>(phase, in);
      find_spikes<false>(hid.v, hid.spikes);
      find_spikes<false>(out.v, out.spikes);
      int errors = 0, error_spikes[2 * K];  // E+_k is k, E-_k is K + k
      for (int e = 0; e < 2 * K; e++) if (err[e / K][e % K] > 1) error_spikes[errors++] = e;

      deliver(hid.I, hid.w, in);
      deliver(out.I, out.w, hid.spikes);
      for (int k : out.spikes) { count[k]++; err[0][k] += 1; err[1][k] -= 1; }
      for (int e = 0; e < errors; e++) {
        const int side = error_spikes[e] / K, k = error_spikes[e] % K;
        err[1 - side][k] += 1;
        add_scaled(hid.teach.p, side ? 1 : -1, B.row(k), B.n);
        out.teach[k] += side ? 1 : -1;
      }
      if (online && errors) {
        if (lr > 0) learn(lr);
        hid.teach.fill(0);
        out.teach.fill(0);
      }

      for (int i : in) { phase[i] -= 1; x[i] += 1; }
      for (Layer* layer : {&hid, &out}) for (int j : layer->spikes) { layer->v[j] -= 1; layer->x[j] += 1; }
      for (int e = 0; e < errors; e++) err[error_spikes[e] / K][error_spikes[e] % K] -= 1;
      const int now[4] = {in.n, hid.spikes.n, out.spikes.n, errors};
      for (int p = 0; p < 4; p++) spikes[p] += now[p];
    }
    if (!online && lr > 0) learn(lr);
    return std::max_element(count, count + K) - count;
  }
};

int main(int argc, char** argv) {
  for (int a = 1; a < argc; a++) {
    const string s = argv[a];
    const size_t equals = s.find('=');
    if (equals == string::npos) { fprintf(stderr, "%s: give name=value\n", argv[a]); return 1; }
    arguments[s.substr(0, equals)] = s.substr(equals + 1);
  }
#ifdef __SSE__
  _mm_setcsr(_mm_getcsr() | 0x8040);  // traces that have faded to denormals are 0
#endif
  std::mt19937 rng(1000 + (unsigned)number("seed", 0));
  Network net(rng);
  const auto images = bytes_of(word("images", "")), labels = bytes_of(word("labels", ""));
  const size_t d = net.inputs, asked = number("trials", 0), n = asked ? std::min(asked, labels.size()) : labels.size();
  const int epochs = number("epochs", 1);
  if (images.size() < n * d || n == 0) { fprintf(stderr, "fewer images than labels\n"); return 1; }
  vector<int> order(n);
  for (size_t i = 0; i < n; i++) order[i] = i;

  const float fall = 1 - number("final_rate", 1);
  long done = 0;
  double seconds = 0;
  for (int epoch = 0; epoch < epochs; epoch++) {
    if (number("shuffle", 0)) std::shuffle(order.begin(), order.end(), rng);
    const auto start = std::chrono::steady_clock::now();
    for (int i : order) net.show(&images[i * d], labels[i], 1 - fall * done++ / ((float)n * epochs));
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  printf("{\"ms_per_trial\": %.6f, \"seconds\": %.4f, \"trials\": %ld, ", 1e3 * seconds / done, seconds, done);
  printf("\"spikes_per_trial\": {\"input\": %.2f, \"hidden\": %.2f, \"output\": %.3f, \"error\": %.3f}", net.spikes[0] / (double)done,
         net.spikes[1] / (double)done, net.spikes[2] / (double)done, net.spikes[3] / (double)done);
  const string save = word("save", ""), test = word("test_images", "");
  if (!save.empty()) {
    write_rows(save + "stimulus_to_hidden.w", net.hid.w);
    write_rows(save + "hidden_to_output.w", net.out.w);
  }
  if (!test.empty()) {
    const auto test_images = bytes_of(test), test_labels = bytes_of(word("test_labels", ""));
    long right = 0;
    for (size_t i = 0; i < test_labels.size(); i++) right += net.show(&test_images[i * d], -1, 0) == test_labels[i];
    printf(", \"test_accuracy\": %.4f", right / (double)test_labels.size());
  }
  printf("}\n");
}
