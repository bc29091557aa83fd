import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

// The bundle: its model, labels and golden vectors become assets, its Kotlin files are compiled with the app.
val bundle = rootProject.layout.projectDirectory.dir(providers.gradleProperty("bundle").getOrElse("bundle")).asFile

android {
    namespace = "org.streamvision.example"
    compileSdk = 36

    defaultConfig {
        applicationId = "org.streamvision.example"
        minSdk = 26
        targetSdk = 36
        versionCode = 1
        versionName = "1.0"
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }

    sourceSets["main"].java.srcDir(bundle.resolve("android"))
    sourceSets["main"].assets.srcDir(bundle)

    androidResources {
        noCompress += listOf("tflite", "f32", "u8", "rgb")
        // Sources for other systems and the repository's own files have no place in the app.
        ignoreAssetsPattern = "!android:!ios:!web:!*.md"
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    buildTypes {
        release {
            // Unsigned until you sign it: a key of your own goes into signingConfigs, its passwords into no repository.
            isMinifyEnabled = false
        }
    }

    testOptions.unitTests.all { it.systemProperty("golden", bundle.resolve("golden").path) }
}

// Whatever JDK runs Gradle (17 or later) compiles: a toolchain of exactly 17 would have to be installed beside it.
kotlin { compilerOptions { jvmTarget = JvmTarget.JVM_17 } }

dependencies {
    implementation(libs.activity.ktx)
    implementation(libs.camera.camera2)
    implementation(libs.camera.lifecycle)
    implementation(libs.camera.view)
    implementation(libs.core.ktx)
    implementation(libs.litert)
    implementation(libs.litert.gpu)
    testImplementation(libs.junit)
}

tasks.named("preBuild") {
    doFirst { require(bundle.resolve("bundle.json").isFile) { "no bundle at $bundle: make it as README.md says, or give a folder with -Pbundle" } }
}
