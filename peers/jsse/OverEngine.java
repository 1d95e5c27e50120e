// javax.net.ssl.SSLEngine, which moves no bytes: it reads and writes memory, and the bytes are carried between that and the transport here.
//
// A call goes on as the engine's own answers ask for (NEED_WRAP, NEED_TASK, NEED_UNWRAP), with what lies in memory. Before it what has come
// is put in, 64 KiB at most, after it what is to be sent is sent; what does not go out stays there. Where the stream ends, by CLOSED or with
// the transport, closeInbound is called, which tells a cut from an end.
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;
import javax.net.ssl.SSLEngineResult.Status;
import javax.net.ssl.SSLException;

final class OverEngine extends Shim {
  // Bytes that wait: put at the end, taken from the beginning.
  private static final class Memory {
    byte[] bytes = new byte[0];
    void put(byte[] from, int size) {
      int before = bytes.length;
      bytes = Arrays.copyOf(bytes, before + size);
      System.arraycopy(from, 0, bytes, before, size);
    }
    void drop(int size) { bytes = Arrays.copyOfRange(bytes, size, bytes.length); }
    boolean empty() { return bytes.length == 0; }
  }

  private static final int ROOM = 65536;  // more than any record
  private static final int EINTR = 4, EAGAIN = 11;

  private final SSLEngine engine;
  private final Memory in = new Memory(), out = new Memory(), read = new Memory();  // read: unwrapped, for the next read
  private int transport;
  private int receiveError = 0, sendError = 0;
  private boolean ended = false;                      // the transport
  private boolean shaking = false, finished = false;  // the handshake that was asked for, and what came of it

  OverEngine(SSLContext context, int transport, boolean client, String version, String suite, boolean requiresCertificate) {
    this.transport = transport;
    engine = client ? context.createSSLEngine("localhost", 443) : context.createSSLEngine();
    engine.setUseClientMode(client);
    engine.setEnabledProtocols(new String[] {version});
    engine.setEnabledCipherSuites(new String[] {suite});
    if (requiresCertificate) engine.setNeedClientAuth(true);
  }

  @Override void leave() { transport = -1; }
  @Override int unsent() { return out.bytes.length; }
  @Override boolean inboundDone() { return engine.isInboundDone(); }
  @Override boolean outboundDone() { return engine.isOutboundDone(); }

  @Override void handshake() {
    carry(() -> {
      if (!shaking) {
        engine.beginHandshake();
        shaking = true;
        finished = false;
      }
      for (;;) {
        while (asked()) {}
        if (finished) break;
        SSLEngineResult result = unwrap();
        if (result.getStatus() == Status.CLOSED) {
          shaking = false;
          return refused();
        }
        if (!finished && result.bytesConsumed() == 0 && !asked()) return nothing();
      }
      shaking = false;
      return 0;
    });
  }

  @Override void read(byte[] into) {
    carry(() -> {
      for (;;) {
        if (!read.empty()) {
          int size = Math.min(into.length, read.bytes.length);
          System.arraycopy(read.bytes, 0, into, 0, size);
          read.drop(size);
          return size;
        }
        while (asked()) {}
        SSLEngineResult result = unwrap();
        if (result.getStatus() == Status.CLOSED) return end();
        if (read.empty() && result.bytesConsumed() == 0 && !asked()) return nothing();
      }
    });
  }

  @Override void write(byte[] from) {
    carry(() -> {
      for (;;) {
        while (asked()) {}
        SSLEngineResult result = wrap(ByteBuffer.wrap(from));
        if (result.getStatus() == Status.CLOSED) return refused();
        if (result.bytesConsumed() > 0 || from.length == 0) return result.bytesConsumed();
        if (!asked() && unwrap().bytesConsumed() == 0 && !asked()) return nothing();
      }
    });
  }

  @Override void closeWrite() {
    carry(() -> {
      engine.closeOutbound();
      while (!engine.isOutboundDone()) {
        SSLEngineResult result = wrap(ByteBuffer.allocate(0));
        if (result.getStatus() == Status.CLOSED) break;
        if (result.bytesProduced() == 0 && !asked()) return nothing();
      }
      return 0;
    });
  }

  // The engine's calls.

  private SSLEngineResult wrap(ByteBuffer from) throws SSLException {
    ByteBuffer packet = ByteBuffer.allocate(ROOM);
    SSLEngineResult result = note(engine.wrap(from, packet));
    out.put(packet.array(), packet.position());
    return result;
  }

  private SSLEngineResult unwrap() throws SSLException {
    ByteBuffer from = ByteBuffer.wrap(in.bytes), into = ByteBuffer.allocate(ROOM);
    try {
      return note(engine.unwrap(from, into));
    } finally {
      in.drop(from.position());
      read.put(into.array(), into.position());
    }
  }

  private SSLEngineResult note(SSLEngineResult result) {
    code = result.getStatus().name();
    finished |= result.getHandshakeStatus() == HandshakeStatus.FINISHED;
    return result;
  }

  // Does what the engine wants done before it takes anything more. False where that is nothing.
  private boolean asked() throws SSLException {
    HandshakeStatus wanted = engine.getHandshakeStatus();
    if (wanted == HandshakeStatus.NEED_TASK) {
      for (Runnable task; (task = engine.getDelegatedTask()) != null;) task.run();
      return true;
    }
    return wanted == HandshakeStatus.NEED_WRAP &&
           (wrap(ByteBuffer.allocate(0)).bytesProduced() > 0 || engine.getHandshakeStatus() != HandshakeStatus.NEED_WRAP);
  }

  // The stream has ended. What the engine still has to say is taken from it whatever it makes of the end.
  private int end() throws SSLException {
    String told = code;
    called = CLOSE_INBOUND;
    engine.closeInbound();
    called = ITSELF;
    while (asked()) {}
    code = told;
    return -1;
  }

  // More is needed than lies in memory.
  private int nothing() throws IOException {
    if (receiveError != 0) {
      called = RECV;
      throw new Broken(receiveError);
    }
    if (ended) return end();
    error = WANT_READ;
    return -1;
  }

  private int refused() {
    error = NOT_NOW;
    return -1;
  }

  // A call with its carrying. What the engine has to say of an error of its own is an alert, which is to be wrapped.
  private void carry(Call call) {
    carryOut();
    carryIn();
    make(() -> {
      try {
        return call.make();
      } catch (SSLException thrown) {
        shaking = false;
        try {
          while (asked()) {}
        } catch (SSLException again) {
          // It says the same once more.
        }
        throw thrown;
      }
    });
    if (error == NONE) code = "";
    carryOut();
    if (error != WANT_READ || out.empty()) return;
    if (sendError == 0) {
      error = WANT_WRITE;
      return;
    }
    called = SEND;
    error = SYSTEM;
    errno = sendError;
  }

  private void carryIn() {
    byte[] bytes = new byte[ROOM];
    int got = receiveOnce(transport, bytes, 0, ROOM);
    if (got > 0) in.put(bytes, got);
    ended |= got == 0;
    if (got < 0 && got != -EAGAIN && got != -EINTR) receiveError = -got;
  }

  private void carryOut() {
    if (out.empty()) return;
    int put = sendOnce(transport, out.bytes, 0, out.bytes.length);
    if (put > 0) out.drop(put);
    if (put < 0 && put != -EAGAIN && put != -EINTR) sendError = -put;
  }
}
