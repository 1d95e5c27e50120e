// The JSSE peer: OpenJDK's javax.net.ssl.SSLSocket, and with `memory-bio` SSLEngine, by a shim in Java (jsse/) in a JVM that is started here.
//
// The SSLSocket is layered over a Socket of the shim's, whose streams call back to the transport; what Java's own does with a call that is
// interrupted or would block, that one does too. Nothing comes back to be made again: such sessions are blocking only.
//
// SSLSocket.shutdownOutput sends the close_notify: there is a `close-write`. SSLSocket.close swallows every error, and waits for the reply
// in some versions of TLS and with some sockets: no caller learns what became of it, and it is no `close`. With `closes-transport` it is the
// `close-write`, and the SSLSocket owns the Socket (autoClose), which then does what Java's own does. A read reports the bare end of
// the transport as it reports the peer's close_notify, -1. There is no key log. Two threads may use one SSLSocket, but they wait for each
// other's locks, and such a wait is not reported: `threads` is not promised.
//
// An SSLEngine reads and writes memory, and never blocks: its sessions are non-blocking only. A call here is the loop that its handshake
// status asks for, with what lies in memory. `close-write` is closeOutbound, and wrap until isOutboundDone. A read that gets to the end, by
// CLOSED or with the transport, calls closeInbound as its documentation has it, and that tells a cut from an end: `cut-as-end` speaks of
// SSLSocket. No call closes both ways, as Java's programs do it in two: close, and read to the end.
//
// A JVM has threads, which a forked process would miss: it is started in the process that uses it. The shim's classes are carried in this
// program. The JVM's clock is the kernel's: it does not start where time stands still. Only the time limit of a read runs by the peer's.
#include <dlfcn.h>
#include <jni.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "certificates.h"
#include "peers/common/adapter.h"
#include "peers/common/blocking.h"

// The shim's classes, a jar.
__asm__(
    ".section .rodata\n"
    "tlsbye_jsse_jar:\n"
    ".incbin \"" TLSBYE_SHIM
    "\"\n"
    "tlsbye_jsse_jar_end:\n"
    ".previous\n");
extern "C" const unsigned char tlsbye_jsse_jar[], tlsbye_jsse_jar_end[];

namespace tlsbye::peer {
namespace {

// As in Shim.java.
enum class Error { none, end, cut, alert, system, not_now, other, want_read, want_write };
enum class Called { itself, close_inbound, recv, send };

// The native methods of the shim.

template <typename Move>
jint with_bytes(jsize size, Move move) {
  std::vector<jbyte> bytes(static_cast<std::size_t>(std::min(size, jsize{65536})));
  return static_cast<jint>(move(bytes));
}

jint JNICALL receive(JNIEnv* java, jclass, jint transport, jbyteArray into, jint at, jint size, jlong deadline) {
  return with_bytes(size, [&](std::vector<jbyte>& bytes) {
    const long got = blocking::receive(transport, bytes.data(), static_cast<long>(bytes.size()), deadline);
    if (got > 0) java->SetByteArrayRegion(into, at, static_cast<jsize>(got), bytes.data());
    return got;
  });
}

jint JNICALL send(JNIEnv* java, jclass, jint transport, jbyteArray from, jint at, jint size, jlong deadline) {
  return with_bytes(size, [&](std::vector<jbyte>& bytes) {
    java->GetByteArrayRegion(from, at, static_cast<jsize>(bytes.size()), bytes.data());
    return blocking::send(transport, bytes.data(), static_cast<long>(bytes.size()), deadline);
  });
}

jint JNICALL receive_once(JNIEnv* java, jclass, jint transport, jbyteArray into, jint at, jint size) {
  return with_bytes(size, [&](std::vector<jbyte>& bytes) {
    const auto got = ::recv(transport, bytes.data(), bytes.size(), 0);
    if (got > 0) java->SetByteArrayRegion(into, at, static_cast<jsize>(got), bytes.data());
    return got < 0 ? -errno : got;
  });
}

jint JNICALL send_once(JNIEnv* java, jclass, jint transport, jbyteArray from, jint at, jint size) {
  return with_bytes(size, [&](std::vector<jbyte>& bytes) {
    java->GetByteArrayRegion(from, at, static_cast<jsize>(bytes.size()), bytes.data());
    const auto put = ::send(transport, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return put < 0 ? -errno : put;
  });
}

jint JNICALL available(JNIEnv*, jclass, jint transport) { return blocking::available(transport); }

jint JNICALL shut_down(JNIEnv*, jclass, jint transport, jboolean output) {
  return ::shutdown(transport, output != JNI_FALSE ? SHUT_WR : SHUT_RD) == 0 ? 0 : -errno;
}

jint JNICALL close(JNIEnv*, jclass, jint transport) { return static_cast<jint>(blocking::close(transport)); }

jlong JNICALL now(JNIEnv*, jclass) { return blocking::now(); }

// The JVM of this process, and the shim in it.
class Jvm {
 public:
  Jvm() {
    const int jar = ::memfd_create("tlsbye-jsse", MFD_CLOEXEC);
    for (const unsigned char* at = tlsbye_jsse_jar; at != tlsbye_jsse_jar_end;) {
      const auto put = ::write(jar, at, static_cast<std::size_t>(tlsbye_jsse_jar_end - at));
      if (put <= 0) throw std::runtime_error("memfd_create: no room for the shim");
      at += put;
    }
    std::string words[] = {"-Djava.class.path=/proc/self/fd/" + std::to_string(jar),
                           "-Xrs",
                           "-XX:+UseSerialGC",
                           "-XX:TieredStopAtLevel=1",
                           "-XX:-UsePerfData",
                           "-Xmx128m"};
    JavaVMOption options[std::size(words)]{};
    for (std::size_t i = 0; i < std::size(words); ++i) options[i].optionString = words[i].data();
    JavaVMInitArgs with{JNI_VERSION_10, std::size(words), options, JNI_FALSE};
    JNIEnv* java = nullptr;
    const auto create = reinterpret_cast<decltype(&JNI_CreateJavaVM)>(::dlsym(RTLD_DEFAULT, "JNI_CreateJavaVM"));
    if (create(&vm_, reinterpret_cast<void**>(&java), &with) != JNI_OK) throw std::runtime_error("JNI_CreateJavaVM");
    jclass found = java->FindClass("Shim");
    if (found) shim = static_cast<jclass>(java->NewGlobalRef(found));
    JNINativeMethod methods[] = {
        {const_cast<char*>("receive"), const_cast<char*>("(I[BIIJ)I"), reinterpret_cast<void*>(receive)},
        {const_cast<char*>("send"), const_cast<char*>("(I[BIIJ)I"), reinterpret_cast<void*>(send)},
        {const_cast<char*>("receiveOnce"), const_cast<char*>("(I[BII)I"), reinterpret_cast<void*>(receive_once)},
        {const_cast<char*>("sendOnce"), const_cast<char*>("(I[BII)I"), reinterpret_cast<void*>(send_once)},
        {const_cast<char*>("available"), const_cast<char*>("(I)I"), reinterpret_cast<void*>(available)},
        {const_cast<char*>("shutDown"), const_cast<char*>("(IZ)I"), reinterpret_cast<void*>(shut_down)},
        {const_cast<char*>("close"), const_cast<char*>("(I)I"), reinterpret_cast<void*>(close)},
        {const_cast<char*>("now"), const_cast<char*>("()J"), reinterpret_cast<void*>(now)},
    };
    if (!found || java->RegisterNatives(shim, methods, std::size(methods)) != JNI_OK)
      throw std::runtime_error("the JVM does not take the shim");
    const auto method = [&](const char* name, const char* type) { return java->GetMethodID(shim, name, type); };
    open = java->GetStaticMethodID(shim, "open",
                                   "(IZLjava/lang/String;Ljava/lang/String;ZZZLjava/lang/String;Ljava/lang/String;)LShim;");
    handshake = method("handshake", "()V");
    read = method("read", "([B)V");
    write = method("write", "([B)V");
    close_write = method("closeWrite", "()V");
    close_all = method("close", "()V");
    limit = method("limit", "(I)V");
    leave = method("leave", "()V");
    unsent = method("unsent", "()I");
    inbound_done = method("inboundDone", "()Z");
    outbound_done = method("outboundDone", "()Z");
    n = java->GetFieldID(shim, "n", "I");
    error = java->GetFieldID(shim, "error", "I");
    error_number = java->GetFieldID(shim, "errno", "I");
    called = java->GetFieldID(shim, "called", "I");
    code = java->GetFieldID(shim, "code", "Ljava/lang/String;");
    text = java->GetFieldID(shim, "words", "Ljava/lang/String;");
    ::close(jar);
  }

  // Of the calling thread, which is one of the JVM's from now on, until it ends.
  JNIEnv* java() const {
    void* env = nullptr;
    if (vm_->GetEnv(&env, JNI_VERSION_10) == JNI_OK) return static_cast<JNIEnv*>(env);
    struct Attached {
      JavaVM* vm = nullptr;
      ~Attached() {
        if (vm) vm->DetachCurrentThread();
      }
    };
    thread_local Attached attached;
    if (vm_->AttachCurrentThread(&env, nullptr) != JNI_OK) throw std::runtime_error("AttachCurrentThread");
    attached.vm = vm_;
    return static_cast<JNIEnv*>(env);
  }

  jclass shim = nullptr;
  jmethodID open, handshake, read, write, close_write, close_all, limit, leave, unsent, inbound_done, outbound_done;
  jfieldID n, error, error_number, called, code, text;

 private:
  JavaVM* vm_ = nullptr;
};

Outcome outcome_of(Error error, int error_number) {
  switch (error) {
    case Error::none:
      return Outcome::done;
    case Error::end:
      return Outcome::end_of_data;
    case Error::cut:
      return Outcome::cut;
    case Error::alert:
      return Outcome::alert;
    case Error::system:
      return error_number == ECONNRESET || error_number == EPIPE ? Outcome::reset : Outcome::failed;
    case Error::not_now:
      return Outcome::refused;
    case Error::want_read:
      return Outcome::want_read;
    case Error::want_write:
      return Outcome::want_write;
    case Error::other:
      break;
  }
  return Outcome::failed;
}

std::string_view name_of(std::string_view call, Called called) {
  switch (called) {
    case Called::close_inbound:
      return "SSLEngine.closeInbound";
    case Called::recv:
      return "recv";
    case Called::send:
      return "send";
    case Called::itself:
      break;
  }
  return call;
}

const char* version_name(Tls version) {
  switch (version) {
    case Tls::v1_0:
      return "TLSv1";
    case Tls::v1_1:
      return "TLSv1.1";
    case Tls::v1_2:
      return "TLSv1.2";
    case Tls::v1_3:
      break;
  }
  return "TLSv1.3";
}

const char* suite_name(Tls version) {
  if (version == Tls::v1_3) return "TLS_AES_128_GCM_SHA256";
  return version == Tls::v1_2 ? "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" : "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA";
}

// What the call makes of local references is gone with it.
class Frame {
 public:
  explicit Frame(JNIEnv* java) : java_(java) { java_->PushLocalFrame(16); }
  ~Frame() { java_->PopLocalFrame(nullptr); }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

 private:
  JNIEnv* java_;
};

class JsseSession final : public Session {
 public:
  JsseSession(const Jvm& jvm, const SessionOptions& options)
      : jvm_(jvm), closes_transport_(options.asks_for(Option::closes_transport)), engine_(options.asks_for(Option::memory_bio)) {
    if (engine_ && closes_transport_) throw std::runtime_error("an SSLEngine has no transport to close");
    JNIEnv* java = jvm_.java();
    const Frame frame(java);
    jobject made = java->CallStaticObjectMethod(
        jvm_.shim, jvm_.open, options.transport, options.role == Role::client, java->NewStringUTF(version_name(options.tls)),
        java->NewStringUTF(suite_name(options.tls)), options.asks_for(Option::require_certificate), closes_transport_, engine_,
        java->NewStringUTF(leaf_certificate), java->NewStringUTF(leaf_key));
    if (java->ExceptionCheck()) {
      java->ExceptionDescribe();
      java->ExceptionClear();
      throw std::runtime_error(engine_ ? "no SSLEngine" : "no SSLSocket");
    }
    session_ = java->NewGlobalRef(made);
  }
  ~JsseSession() override {
    JNIEnv* java = jvm_.java();
    java->CallVoidMethod(session_, jvm_.leave);
    java->DeleteGlobalRef(session_);
  }

  Answer handshake() override { return call(engine_ ? "SSLEngine.beginHandshake" : "SSLSocket.startHandshake", jvm_.handshake); }
  Answer read(std::span<std::byte> into) override {
    JNIEnv* java = jvm_.java();
    const Frame frame(java);
    jbyteArray bytes = java->NewByteArray(static_cast<jsize>(into.size()));
    Answer answer = call(engine_ ? "SSLEngine.unwrap" : "InputStream.read", jvm_.read, bytes);
    if (answer.bytes > 0) java->GetByteArrayRegion(bytes, 0, static_cast<jsize>(answer.bytes), reinterpret_cast<jbyte*>(into.data()));
    return answer;
  }
  Answer write(std::span<const std::byte> from) override {
    JNIEnv* java = jvm_.java();
    const Frame frame(java);
    jbyteArray bytes = java->NewByteArray(static_cast<jsize>(from.size()));
    java->SetByteArrayRegion(bytes, 0, static_cast<jsize>(from.size()), reinterpret_cast<const jbyte*>(from.data()));
    return call(engine_ ? "SSLEngine.wrap" : "OutputStream.write", jvm_.write, bytes);
  }
  Answer close() override { return no_such_call(); }
  Answer close_write() override {
    if (engine_) return call("SSLEngine.closeOutbound", jvm_.close_write);
    return closes_transport_ ? call("SSLSocket.close", jvm_.close_all) : call("SSLSocket.shutdownOutput", jvm_.close_write);
  }

  Answer extra(Call extra, const std::vector<std::string>& arguments, std::span<std::byte>) override {
    if (engine_ || extra != Call::set || arguments.at(0) != spell(Switch::timeout)) return no_such_call();
    const std::string& value = arguments.at(1);
    int limit = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), limit);
    if (error != std::errc() || end != value.data() + value.size()) return no_such_call();
    return call("SSLSocket.setSoTimeout", jvm_.limit, limit);
  }

  State state() const override {
    if (!engine_) return {};
    JNIEnv* java = jvm_.java();
    const auto is = [&](jmethodID what) { return java->CallBooleanMethod(session_, what) != JNI_FALSE ? "yes" : "no"; };
    return {{"unsent", std::to_string(java->CallIntMethod(session_, jvm_.unsent))},
            {"inbound-done", is(jvm_.inbound_done)},
            {"outbound-done", is(jvm_.outbound_done)}};
  }

 private:
  template <typename... Arguments>
  Answer call(std::string_view native, jmethodID method, Arguments... arguments) {
    JNIEnv* java = jvm_.java();
    const Frame frame(java);
    java->CallVoidMethod(session_, method, arguments...);
    if (java->ExceptionCheck()) {
      java->ExceptionClear();
      return {native, -1, "RuntimeException", 0, {}, Outcome::failed};
    }
    const long n = java->GetIntField(session_, jvm_.n);
    const auto error = static_cast<Error>(java->GetIntField(session_, jvm_.error));
    const int error_number = java->GetIntField(session_, jvm_.error_number);
    const auto called = static_cast<Called>(java->GetIntField(session_, jvm_.called));
    return {name_of(native, called),
            n,
            text(java, jvm_.code),
            error_number,
            text(java, jvm_.text),
            outcome_of(error, error_number),
            static_cast<std::size_t>(std::max(n, 0L))};
  }

  std::string text(JNIEnv* java, jfieldID field) const {
    auto* string = static_cast<jstring>(java->GetObjectField(session_, field));
    const char* bytes = java->GetStringUTFChars(string, nullptr);
    std::string copy = bytes ? bytes : "";
    java->ReleaseStringUTFChars(string, bytes);
    return copy;
  }

  const Jvm& jvm_;
  bool closes_transport_, engine_;
  jobject session_ = nullptr;
};

// Loaded, and not yet started. It finds libc's functions before this program's: its clock is the kernel's.
void load_jvm() {
  if (!::dlopen(TLSBYE_JVM, RTLD_NOW | RTLD_GLOBAL | RTLD_DEEPBIND)) throw std::runtime_error(::dlerror());
}

// The version of a JVM stands beside its library, in the file `release`: JAVA_VERSION="17.0.15".
std::string jvm_version() {
  const auto home = std::filesystem::canonical(TLSBYE_JVM).parent_path().parent_path().parent_path();
  std::ifstream file(home / "release");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("JAVA_VERSION=\"")) return line.substr(14, line.rfind('"') - 14);
  return "0.0";
}

class Jsse final : public Stack {
 public:
  Jsse() { load_jvm(); }
  Hello hello() const override {
    return {"jsse",
            jvm_version(),
            {"tls-1.0", "tls-1.1", "tls-1.2", "tls-1.3", "client", "server", "close-write", "cut-as-end", "blocking-only", "own-memory",
             "set-timeout", "require-certificate", "closes-transport", "memory-bio"},
            "JNI_CreateJavaVM"};
  }

  void forget_sessions() override {}  // it keeps none

  std::unique_ptr<Session> open(const SessionOptions& options, KeyLog&) override {
    if (process_ == 0) {
      jvm_ = std::make_unique<Jvm>();
      process_ = ::getpid();
    }
    if (process_ != ::getpid()) throw std::runtime_error("a JVM does not survive a fork");
    return std::make_unique<JsseSession>(*jvm_, options);
  }

 private:
  pid_t process_ = 0;
  std::unique_ptr<Jvm> jvm_;
};

}  // namespace

std::unique_ptr<Stack> make_jsse();
std::unique_ptr<Stack> make_jsse() { return std::make_unique<Jsse>(); }

}  // namespace tlsbye::peer
